package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/services/auth"
)

func clientCommand(settings func() (auth.Config, error)) *cobra.Command {
	client := &cobra.Command{Use: "client", Short: "Look after the services that get tokens of their own"}
	var n auth.NewClient
	create := &cobra.Command{
		Use: "create ID --audience SERVICE…", Short: "Create a service client and print its secret, once", Args: cobra.ExactArgs(1),
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, args []string) error {
			n.ID = args[0]
			secret, err := admin.CreateClient(cmd.Context(), n)
			if err != nil {
				return err
			}
			if err := say(cmd, "Created %s for %s with the scopes %s. Its secret, which is kept nowhere:", n.ID, strings.Join(n.Audiences, ", "), strings.Join(n.Scopes, ", ")); err != nil {
				return err
			}
			return say(cmd, "%s", secret)
		}),
	}
	create.Flags().StringVar(&n.Name, "name", "", "what it is")
	create.Flags().StringSliceVar(&n.Audiences, "audience", nil, "service that it may call: auth, station-catalog, charging-plot; may be repeated")
	create.Flags().StringSliceVar(&n.Scopes, "scope", []string{"feeds:read"}, "scope that its tokens may carry; may be repeated")
	must(create.MarkFlagRequired("audience"))
	var asJSON bool
	list := &cobra.Command{
		Use: "list", Short: "List the service clients", Args: cobra.NoArgs,
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, _ []string) error {
			clients, err := admin.ListClients(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, asJSON, "ID\tAUDIENCES\tSCOPES\tCREATED", clients, func(c auth.ServiceClient) string {
				return strings.Join([]string{c.ID, strings.Join(c.Audiences, ","), strings.Join(c.Scopes, ","), c.CreatedAt.UTC().Format("2006-01-02 15:04")}, "\t")
			})
		}),
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	client.AddCommand(create, list, rotateClient(settings), removeClient(settings))
	return client
}
