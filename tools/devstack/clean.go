package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

func cleanCommand() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what `run` keeps between runs: databases, secrets, mails, logs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if state == "" {
				root, err := stack.Root(".")
				if err != nil {
					return err
				}
				state = filepath.Join(root, ".local")
			}
			if err := stack.Clean(cmd.Context(), state); err != nil {
				return err
			}
			cmd.Println("The local state is removed.")
			return nil
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "the folder (default .local in the repository)")
	return cmd
}
