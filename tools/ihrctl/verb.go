package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// verb does something to one service of a target and says in a few words what it found or did.
type verb func(ctx context.Context, t *target, service string) (string, error)

// stoppedAt is the annotation in which stop leaves the number of pods for start.
const stoppedAt = "ihr-charging/replicas-before-stop"

func install(ctx context.Context, t *target, service string) (string, error) {
	if _, err := t.kubectl(ctx, "get", "secret", service); err != nil {
		return "", fmt.Errorf("the Secret %s must be there first (its keys: the chart's README): %w", service, err)
	}
	list := []string{"list", "--short", "--filter", "^" + service + "$"}
	if !t.helm4 { // which lists releases in any state without being asked
		list = append(list, "--all")
	}
	installed, err := t.helm(ctx, list...)
	if err != nil {
		return "", err
	}
	if firstLine(installed) == service {
		return "is there already", nil
	}
	if _, err := t.helm(ctx, append([]string{"install"}, t.release(service)...)...); err != nil {
		return "", err
	}
	return "installed", nil
}

// update keeps the values of the release before, lays the new chart's defaults under and the given values over them. What others changed
// by hand, such as stop and start the number of pods, becomes the release's again, which Helm 3 does by itself.
func update(ctx context.Context, t *target, service string) (string, error) {
	args := append([]string{"upgrade"}, t.release(service)...)
	args = append(args, "--reset-then-reuse-values")
	if t.helm4 {
		args = append(args, "--force-conflicts")
	}
	if _, err := t.helm(ctx, args...); err != nil {
		return "", err
	}
	return "updated", nil
}

func start(ctx context.Context, t *target, service string) (string, error) {
	d, err := deploymentOf(ctx, t, service)
	if err != nil {
		return "", err
	}
	if d.Spec.Replicas > 0 {
		return fmt.Sprintf("runs already (%d of %d ready)", d.Status.ReadyReplicas, d.Spec.Replicas), nil
	}
	pods, err := strconv.Atoi(d.Metadata.Annotations[stoppedAt])
	if err != nil || pods < 1 {
		pods = 1
	}
	if _, err := t.kubectl(ctx, "scale", "deployment/"+service, "--replicas", strconv.Itoa(pods)); err != nil {
		return "", err
	}
	if _, err := t.kubectl(ctx, "rollout", "status", "deployment/"+service, "--timeout", t.timeout.String()); err != nil {
		return "", err
	}
	return fmt.Sprintf("started (%d)", pods), nil
}

func stop(ctx context.Context, t *target, service string) (string, error) {
	d, err := deploymentOf(ctx, t, service)
	if err != nil {
		return "", err
	}
	if d.Spec.Replicas == 0 {
		return "is stopped already", nil
	}
	note := fmt.Sprintf("%s=%d", stoppedAt, d.Spec.Replicas)
	if _, err := t.kubectl(ctx, "annotate", "deployment/"+service, "--overwrite", note); err != nil {
		return "", err
	}
	if _, err := t.kubectl(ctx, "scale", "deployment/"+service, "--replicas", "0"); err != nil {
		return "", err
	}
	if _, err := t.kubectl(ctx, "wait", "pod", "--for=delete", "--selector", "app.kubernetes.io/component=server,app.kubernetes.io/instance="+service,
		"--timeout", t.timeout.String()); err != nil {
		return "", err
	}
	return fmt.Sprintf("stopped (was %d)", d.Spec.Replicas), nil
}

// status fails when fewer pods are ready than there should be, so that the exit code tells.
func status(ctx context.Context, t *target, service string) (string, error) {
	d, err := deploymentOf(ctx, t, service)
	if err != nil {
		return "", err
	}
	said := fmt.Sprintf("%d of %d ready, %s", d.Status.ReadyReplicas, d.Spec.Replicas, d.Metadata.Labels["app.kubernetes.io/version"])
	if d.Status.ReadyReplicas < d.Spec.Replicas {
		return "", fmt.Errorf("%s", said)
	}
	if d.Spec.Replicas == 0 {
		said = "stopped"
	}
	return said, nil
}

// deployment is what we read of a Deployment.
type deployment struct {
	Metadata struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Replicas int `json:"replicas"`
	} `json:"spec"`
	Status struct {
		ReadyReplicas int `json:"readyReplicas"`
	} `json:"status"`
}

func deploymentOf(ctx context.Context, t *target, service string) (deployment, error) {
	var d deployment
	out, err := t.kubectl(ctx, "get", "deployment", service, "--output", "json")
	if err != nil {
		return d, err
	}
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&d); err != nil {
		return d, fmt.Errorf("kubectl answered something else than a Deployment: %w", err)
	}
	return d, nil
}
