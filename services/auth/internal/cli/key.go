package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/services/auth"
)

func keyCommand(settings func() (auth.Config, error)) *cobra.Command {
	key := &cobra.Command{Use: "key", Short: "Look after the keys that sign tokens"}
	var asJSON bool
	list := &cobra.Command{
		Use: "list", Short: "List the keys, oldest first", Args: cobra.NoArgs,
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, _ []string) error {
			keys, err := admin.ListKeys(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, asJSON, "KID\tSTATE\tCREATED\tSIGNS SINCE", keys, func(k auth.SigningKey) string {
				since := ""
				if !k.ActivatedAt.IsZero() {
					since = k.ActivatedAt.UTC().Format("2006-01-02 15:04")
				}
				return strings.Join([]string{k.ID, k.State, k.CreatedAt.UTC().Format("2006-01-02 15:04"), since}, "\t")
			})
		}),
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	var now bool
	rotate := &cobra.Command{
		Use: "rotate", Short: "Let the next key sign from now on", Args: cobra.NoArgs,
		Long: "Let the next key sign from now on. The service does so by itself every thirty days.\n" +
			"It is refused while the next key has been published for less than a day, unless --now is given.",
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, _ []string) error {
			kid, err := admin.RotateKey(cmd.Context(), now)
			if err != nil {
				return err
			}
			return say(cmd, "%s signs from now on, on every replica within five seconds.", kid)
		}),
	}
	rotate.Flags().BoolVar(&now, "now", false, "even if verifiers may not have the key yet")
	revoke := &cobra.Command{
		Use: "revoke KID", Short: "End a key at once, for one that has leaked", Args: cobra.ExactArgs(1),
		Long: "End a key at once. Every service refuses the tokens that it signed within ten seconds; without Redis, when it reads the\n" +
			"key set again, which is within five minutes. Everybody whose token is refused refreshes it and goes on.",
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, args []string) error {
			if err := admin.RevokeKey(cmd.Context(), args[0]); err != nil {
				return err
			}
			return say(cmd, "%s is published no more.", args[0])
		}),
	}
	key.AddCommand(list, rotate, revoke)
	return key
}
