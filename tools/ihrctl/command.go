package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// options are the flags that every verb has.
type options struct {
	contexts  []string
	parallel  int
	namespace string
	services  []string
	charts    string
	values    []string
	sets      []string
	timeout   time.Duration
	json      bool
}

// services are the releases, in the order in which they need each other.
var services = []string{"auth", "station-catalog", "charging-plot"}

func command(out, progress io.Writer, run runner) *cobra.Command {
	var o options
	root := &cobra.Command{
		Use:           "ihrctl",
		Short:         "Install, update, start, stop and look at the product on many clusters at once",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	flags := root.PersistentFlags()
	flags.StringSliceVar(&o.contexts, "contexts", nil, "contexts of the kubeconfig, comma-joined; the current one when left out")
	flags.IntVarP(&o.parallel, "parallel", "P", 4, "how many targets to work on at a time")
	flags.StringVarP(&o.namespace, "namespace", "n", "ihr-charging", "namespace of the releases")
	flags.StringSliceVar(&o.services, "services", services, "which services")
	flags.StringVar(&o.charts, "charts", "deploy/helm", "folder or OCI repository of the charts")
	flags.StringArrayVarP(&o.values, "values", "f", nil, "file of values for all charts; may be repeated")
	flags.StringArrayVar(&o.sets, "set", nil, "single value (a.b=c) for all charts; may be repeated")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Minute, "how long one service may take to become ready")
	flags.BoolVar(&o.json, "json", false, "write the outcome as JSON")

	verbs := []struct {
		use, short string
		do         verb
		goOn       bool // a service that fails does not end its target
	}{
		{"install", "Install what is not there yet", install, false},
		{"update", "Bring every service to the charts' release; a service that does not become ready is rolled back", update, false},
		{"start", "Start the pods that stop ended", start, false},
		{"stop", "End all pods and keep everything else", stop, false},
		{"status", "Say what runs", status, true},
	}
	for _, v := range verbs {
		do := func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), out, progress, run, v.use, v.do, v.goOn)
		}
		root.AddCommand(&cobra.Command{Use: v.use, Short: v.short, Args: cobra.NoArgs, RunE: do})
		if v.use == "update" {
			root.RunE = do
		}
	}
	return root
}

func (o *options) run(ctx context.Context, out, progress io.Writer, run runner, name string, do verb, goOn bool) error {
	if err := o.validate(); err != nil {
		return err
	}
	if len(o.contexts) == 0 {
		current, err := run.Run(ctx, "kubectl", "config", "current-context")
		if err != nil {
			return fmt.Errorf("no --contexts, and no current one: %w", err)
		}
		o.contexts = []string{firstLine(current)}
	}
	outcomes := onEach(ctx, *o, progress, run, name, do, goOn)
	if err := report(out, o.json, outcomes); err != nil {
		return err
	}
	if n := countFailed(outcomes); n > 0 {
		return failures(n)
	}
	return nil
}

func (o *options) validate() error {
	var faults []error
	if o.parallel < 1 {
		faults = append(faults, errors.New("-P must be at least 1"))
	}
	for _, s := range o.services {
		if !slices.Contains(services, s) {
			faults = append(faults, fmt.Errorf("--services: %q is none of %v", s, services))
		}
	}
	if duplicate := firstDuplicate(o.contexts); duplicate != "" {
		faults = append(faults, fmt.Errorf("--contexts names %q twice", duplicate))
	}
	return errors.Join(faults...)
}

func firstDuplicate(names []string) string {
	seen := make(map[string]bool)
	for _, name := range names {
		if seen[name] {
			return name
		}
		seen[name] = true
	}
	return ""
}
