package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// runner runs a program and answers with its standard output.
type runner interface {
	Run(ctx context.Context, name string, args ...string) (string, error)
}

// programs runs what is on the PATH.
type programs struct{}

// Run answers with what the program printed; its error carries the last line that the program complained in.
func (programs) Run(ctx context.Context, name string, args ...string) (string, error) {
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...) // #nosec G204 -- helm and kubectl, with the operator's own words
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	if said := lastLine(complaint.String()); said != "" {
		return out.String(), errors.New(said)
	}
	return out.String(), fmt.Errorf("%s: %w", name, err)
}

// target is one cluster.
type target struct {
	options
	context string
	runner  runner
	helm4   bool
}

func (t *target) helm(ctx context.Context, args ...string) (string, error) {
	return t.runner.Run(ctx, "helm", append([]string{"--kube-context", t.context, "--namespace", t.namespace}, args...)...)
}

func (t *target) kubectl(ctx context.Context, args ...string) (string, error) {
	return t.runner.Run(ctx, "kubectl", append([]string{"--context", t.context, "--namespace", t.namespace}, args...)...)
}

// release is the part of helm's arguments that installs and updates share.
func (t *target) release(service string) []string {
	rollback := "--atomic"
	if t.helm4 {
		rollback = "--rollback-on-failure"
	}
	args := []string{service, strings.TrimSuffix(t.charts, "/") + "/" + service, rollback, "--wait", "--timeout", t.timeout.String()}
	for _, file := range t.values {
		args = append(args, "--values", file)
	}
	for _, value := range t.sets {
		args = append(args, "--set", value)
	}
	return args
}

func firstLine(s string) string { line, _, _ := strings.Cut(strings.TrimSpace(s), "\n"); return line }

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndex(s, "\n")+1:]
}
