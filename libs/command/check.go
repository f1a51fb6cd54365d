package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// Step is one look at the running product. Do is given the service's origin and answers in a few words with what it saw.
type Step struct {
	Name string
	Do   func(ctx context.Context, url string) (string, error)
}

// checkPatience is how long one step may take: a release that has just been installed may still be warming up.
const checkPatience = 30 * time.Second

// Check is the command that looks at the running product as its users meet it, a line for each step. It goes through all of them
// and fails when one did.
func Check(steps func() ([]Step, error)) *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use: "check", Short: "Look at the running service from outside, as `helm test` does", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := steps()
			if err != nil {
				return err
			}
			failed := 0
			for _, step := range all {
				ctx, cancel := context.WithTimeout(cmd.Context(), checkPatience)
				saw, err := step.Do(ctx, url)
				cancel()
				outcome := "ok    "
				if err != nil {
					failed++
					outcome, saw = "FAILED", err.Error()
				}
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s  %s: %s\n", outcome, step.Name, saw); err != nil {
					return err
				}
			}
			if failed > 0 {
				return fmt.Errorf("%d of %d checks failed", failed, len(all))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&url, "url", "http://127.0.0.1:8080", "origin of the service")
	return cmd
}
