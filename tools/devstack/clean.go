package main

import "github.com/spf13/cobra"

func cleanCommand() *cobra.Command {
	return &cobra.Command{Use: "clean", RunE: func(*cobra.Command, []string) error { return nil }}
}
func runCommand() *cobra.Command {
	return &cobra.Command{Use: "run", RunE: func(*cobra.Command, []string) error { return nil }}
}
