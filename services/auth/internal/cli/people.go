package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/services/auth"
)

// minutes is how times are shown.
const minutes = "2006-01-02 15:04"

func showUser(settings func() (auth.Config, error)) *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use: "show LOGIN", Short: "Show an account, by address, username or id", Args: cobra.ExactArgs(1),
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, args []string) error {
			found, err := admin.ShowUser(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(found)
			}
			state := "may log in"
			if found.Disabled {
				state = "switched off"
			}
			return say(cmd, "%s: %s\nusername   %s\nname       %s\nroles      %s\nstate      %s\ncreated    %s\nsessions   %d\nfactors    %d authenticator apps, %d passkeys",
				found.ID, found.Email, found.Username, found.Name, strings.Join(found.Roles, ", "), state, found.CreatedAt.UTC().Format(minutes),
				found.Sessions, found.Apps, found.Passkeys)
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func switchUser(settings func() (auth.Config, error), verb, short string, off bool) *cobra.Command {
	return &cobra.Command{
		Use: verb + " LOGIN", Short: short, Args: cobra.ExactArgs(1),
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, args []string) error {
			user, changed, err := admin.SwitchUser(cmd.Context(), args[0], off)
			switch {
			case err != nil:
				return err
			case !changed:
				return say(cmd, "%s was so already.", user.Email)
			case off:
				return say(cmd, "%s is switched off, and logged out everywhere.", user.Email)
			default:
				return say(cmd, "%s may log in again.", user.Email)
			}
		}),
	}
}

func resetPassword(settings func() (auth.Config, error)) *cobra.Command {
	return &cobra.Command{
		Use: "reset-password LOGIN", Short: "Send a link that sets a new password to its owner", Args: cobra.ExactArgs(1),
		Long: "Send a link that sets a new password to the owner of an account. The running service sends it. Nobody else sees it.",
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, args []string) error {
			user, err := admin.MailReset(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return say(cmd, "A mail to %s is on its way.", user.Email)
		}),
	}
}

func listSessions(settings func() (auth.Config, error)) *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use: "sessions LOGIN", Short: "List the logins of an account that go on, oldest first", Args: cobra.ExactArgs(1),
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, args []string) error {
			sessions, err := admin.ListSessions(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return show(cmd, asJSON, "ID\tDEVICE\tBEGAN\tLAST USED\tEXPIRES", sessions, func(s auth.Session) string {
				return strings.Join([]string{
					s.ID.String(), s.Device, s.Began.UTC().Format(minutes), s.LastUsed.UTC().Format(minutes), s.Expires.UTC().Format(minutes),
				}, "\t")
			})
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return command
}

func endSessions(settings func() (auth.Config, error)) *cobra.Command {
	return &cobra.Command{
		Use: "end-sessions LOGIN", Short: "Log an account out everywhere", Args: cobra.ExactArgs(1),
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, args []string) error {
			n, err := admin.EndSessions(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return say(cmd, "%d logins have ended.", n)
		}),
	}
}

func auditCommand(settings func() (auth.Config, error)) *cobra.Command {
	log := &cobra.Command{Use: "audit", Short: "Read the audit log"}
	var login, since, until string
	export := &cobra.Command{
		Use: "export", Short: "Print the audit log as JSON lines, oldest first", Args: cobra.NoArgs,
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, _ []string) error {
			from, to := time.Time{}, time.Now().AddDate(100, 0, 0)
			for text, into := range map[string]*time.Time{since: &from, until: &to} {
				if text == "" {
					continue
				}
				var err error
				if *into, err = parseTime(text); err != nil {
					return err
				}
			}
			lines := json.NewEncoder(cmd.OutOrStdout())
			return admin.ExportAudit(cmd.Context(), login, from, to, func(r auth.AuditRecord) error { return lines.Encode(r) })
		}),
	}
	export.Flags().StringVar(&login, "user", "", "only what is about this account: address, username or id")
	export.Flags().StringVar(&since, "since", "", "from this day or time on: 2026-01-31, or as in RFC 3339")
	export.Flags().StringVar(&until, "until", "", "before this day or time")
	log.AddCommand(export)
	return log
}

func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a day, as 2026-01-31, nor a time of RFC 3339", text)
}

func rotateClient(settings func() (auth.Config, error)) *cobra.Command {
	var keyFile string
	rotate := &cobra.Command{
		Use: "rotate ID [--public-key FILE]", Short: "Give a service client another secret and print it, once, or other keys", Args: cobra.ExactArgs(1),
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, args []string) error {
			if keyFile != "" {
				file, err := os.ReadFile(keyFile) //nolint:gosec // the operator names it
				if err != nil {
					return err
				}
				if err := admin.SetClientKeys(cmd.Context(), args[0], file); err != nil {
					return err
				}
				return say(cmd, "%s proves itself with what %s holds; what it had is worth nothing.", args[0], keyFile)
			}
			secret, err := admin.RotateClient(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return say(cmd, "%s has another secret, which is kept nowhere; the old one is worth nothing:\n%s", args[0], secret)
		}),
	}
	rotate.Flags().StringVar(&keyFile, "public-key", "", publicKeyUsage)
	return rotate
}

func removeClient(settings func() (auth.Config, error)) *cobra.Command {
	return &cobra.Command{
		Use: "remove ID", Short: "Remove a service client", Args: cobra.ExactArgs(1),
		Long: "Remove a service client. One that SERVICE_CLIENTS names comes back with the next start.",
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, args []string) error {
			if err := admin.RemoveClient(cmd.Context(), args[0]); err != nil {
				return err
			}
			return say(cmd, "%s is removed; its tokens end within two seconds.", args[0])
		}),
	}
}
