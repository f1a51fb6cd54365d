package cli

import (
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/services/auth"
)

func userCommand(settings func() (auth.Config, error)) *cobra.Command {
	user := &cobra.Command{Use: "user", Short: "Look after accounts, their roles and logins"}
	user.AddCommand(createUser(settings), changeRole(settings, "grant", "Give a role: driver, moderator, admin, operator@OPERATOR-ID, operator_admin@OPERATOR-ID"),
		changeRole(settings, "revoke", "Take a role"), listUsers(settings),
		showUser(settings), switchUser(settings, "disable", "Switch an account off; its logins end", true), switchUser(settings, "enable", "Switch it on again", false),
		resetPassword(settings), listSessions(settings), endSessions(settings))
	return user
}

func createUser(settings func() (auth.Config, error)) *cobra.Command {
	var u auth.NewUser
	var unconfirmed bool
	var passwordFile string
	create := &cobra.Command{
		Use:   "create --email ADDRESS [--username NAME] [--role ROLE]…",
		Short: "Create an account; the password is read from standard input or --password-file",
		Long: "Create an account. The password is the first line of standard input or of --password-file.\n" +
			"When the address has an account, that stays as it is, but for roles that it lacks.",
		Args: cobra.NoArgs,
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, _ []string) error {
			password, err := readSecret(cmd, passwordFile)
			if err != nil {
				return err
			}
			u.Password, u.Confirmed = password, !unconfirmed
			made, isNew, err := admin.CreateUser(cmd.Context(), u)
			switch {
			case err != nil:
				return err
			case unconfirmed:
				return say(cmd, "A mail to %s asks to confirm the address; the account opens then.", made.Email)
			case isNew:
				return say(cmd, "Created %s: %s, roles %s.", made.ID, made.Email, strings.Join(made.Roles, ", "))
			default:
				return say(cmd, "%s has the account %s already, now with the roles %s; its password was not changed.", made.Email, made.ID, strings.Join(made.Roles, ", "))
			}
		}),
	}
	flags := create.Flags()
	flags.StringVar(&u.Email, "email", "", "e-mail address")
	flags.StringVar(&u.Username, "username", "", "name to log in with, besides the address")
	flags.StringVar(&u.Name, "name", "", "what the person is called")
	flags.StringVar(&u.Locale, "locale", "", "language of mails")
	flags.StringArrayVar(&u.Roles, "role", nil, "role besides driver; may be repeated")
	flags.BoolVar(&unconfirmed, "unconfirmed", false, "let the owner of the address confirm it first")
	flags.StringVar(&passwordFile, "password-file", "", "file whose first line is the password")
	must(create.MarkFlagRequired("email"))
	return create
}

func changeRole(settings func() (auth.Config, error), verb, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " LOGIN ROLE", Short: short, Args: cobra.ExactArgs(2),
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, args []string) error {
			change, did, not := admin.Grant, "%s has the role %s now.", "%s had the role %s already."
			if verb == "revoke" {
				change, did, not = admin.Revoke, "%s has the role %s no more.", "%s did not have the role %s."
			}
			user, changed, err := change(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if !changed {
				did = not
			}
			return say(cmd, did+" Roles: %s.", user.Email, args[1], strings.Join(user.Roles, ", "))
		}),
	}
}

func listUsers(settings func() (auth.Config, error)) *cobra.Command {
	var asJSON bool
	var after string
	var limit int
	list := &cobra.Command{
		Use: "list", Short: "List accounts, oldest first", Args: cobra.NoArgs,
		RunE: withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, _ []string) error {
			from := uuid.Nil
			if after != "" {
				var err error
				if from, err = uuid.Parse(after); err != nil {
					return err
				}
			}
			users, err := admin.ListUsers(cmd.Context(), from, limit)
			if err != nil {
				return err
			}
			return show(cmd, asJSON, "ID\tEMAIL\tUSERNAME\tROLES\tCREATED", users, func(u auth.User) string {
				roles := strings.Join(u.Roles, ",")
				if u.Disabled {
					roles += " (disabled)"
				}
				return strings.Join([]string{u.ID.String(), u.Email, u.Username, roles, u.CreatedAt.UTC().Format("2006-01-02 15:04")}, "\t")
			})
		}),
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	list.Flags().StringVar(&after, "after", "", "begin after this id")
	list.Flags().IntVar(&limit, "limit", 100, "how many at most")
	return list
}

// must is for mistakes in the definition of commands.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
