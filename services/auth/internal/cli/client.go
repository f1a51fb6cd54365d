package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/services/auth"
)

// publicKeyUsage is how both commands that take keys tell of them.
const publicKeyUsage = "file with a public key (PEM or JWK) or a JWK set, with which it proves itself in place of a secret"

func clientCommand(settings func() (auth.Config, error)) *cobra.Command {
	client := &cobra.Command{Use: "client", Short: "Look after the services that get tokens of their own"}
	var n auth.NewClient
	var keyFile string
	create := &cobra.Command{
		Use: "create ID --audience SERVICE… [--public-key FILE | --service-account NAMESPACE/NAME]", Short: "Create a service client and print its secret, once, unless it has another proof", Args: cobra.ExactArgs(1),
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, args []string) (err error) {
			n.ID = args[0]
			if keyFile != "" {
				if n.PublicKey, err = os.ReadFile(keyFile); err != nil { //nolint:gosec // the operator names it
					return err
				}
			}
			secret, err := admin.CreateClient(cmd.Context(), n)
			if err != nil {
				return err
			}
			next := "Its secret, which is kept nowhere:\n" + secret
			switch {
			case n.ServiceAccount != "":
				next = "It proves itself with the tokens that Kubernetes gives the pods of the ServiceAccount " + n.ServiceAccount + "."
			case secret == "":
				next = "It proves itself with assertions that its key signs (private_key_jwt)."
			}
			return say(cmd, "Created %s for %s with the scopes %s. %s", n.ID, strings.Join(n.Audiences, ", "), strings.Join(n.Scopes, ", "), next)
		}),
	}
	create.Flags().StringVar(&n.Name, "name", "", "what it is")
	create.Flags().StringSliceVar(&n.Audiences, "audience", nil, "service that it may call: auth, station-catalog, charging-plot; may be repeated")
	create.Flags().StringSliceVar(&n.Scopes, "scope", []string{"feeds:read"}, "scope that its tokens may carry; may be repeated")
	create.Flags().StringVar(&keyFile, "public-key", "", publicKeyUsage)
	create.Flags().StringVar(&n.ServiceAccount, "service-account", "", "ServiceAccount of the cluster, as whose pods it proves itself in place of a secret")
	create.MarkFlagsMutuallyExclusive("public-key", "service-account")
	must(create.MarkFlagRequired("audience"))
	var asJSON bool
	list := &cobra.Command{
		Use: "list", Short: "List the service clients", Args: cobra.NoArgs,
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, _ []string) error {
			clients, err := admin.ListClients(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, asJSON, "ID\tAUDIENCES\tSCOPES\tPROOF\tCREATED", clients, func(c auth.ServiceClient) string {
				return strings.Join([]string{c.ID, strings.Join(c.Audiences, ","), strings.Join(c.Scopes, ","), c.AuthMethod, c.CreatedAt.UTC().Format("2006-01-02 15:04")}, "\t")
			})
		}),
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	client.AddCommand(create, list, rotateClient(settings), removeClient(settings))
	return client
}
