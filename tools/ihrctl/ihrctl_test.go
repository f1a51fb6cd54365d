package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
)

// clusters stands in for helm and kubectl: deployments by context and service.
type clusters struct {
	mu       sync.Mutex
	version  string
	replicas map[string]int    // "context/service" -> pods wanted
	ready    map[string]int    // the same -> pods ready
	notes    map[string]string // the same -> annotation of stop
	broken   map[string]bool   // contexts that refuse everything
	calls    []string
	atOnce   int
	most     int
	hold     chan struct{} // when set, helm upgrade waits for it
}

func (c *clusters) Run(ctx context.Context, name string, args ...string) (string, error) {
	line := name + " " + strings.Join(args, " ")
	c.mu.Lock()
	c.calls = append(c.calls, line)
	c.mu.Unlock()
	if line == "helm version --short" {
		return c.version, nil
	}
	if line == "kubectl config current-context" {
		return "here\n", nil
	}
	cluster := args[1]
	if c.broken[cluster] {
		return "", fmt.Errorf("cluster %s unreachable", cluster)
	}
	words := args[4:]
	if name == "helm" && words[0] == "upgrade" && c.hold != nil {
		c.enter(1)
		defer c.enter(-1)
		select {
		case <-c.hold:
		case <-ctx.Done():
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case name == "helm" && words[0] == "list":
		service := strings.Trim(words[len(words)-1], "^$")
		if _, found := c.replicas[cluster+"/"+service]; found {
			return service + "\n", nil
		}
		return "", nil
	case name == "helm":
		c.replicas[cluster+"/"+words[1]] = 2
		c.ready[cluster+"/"+words[1]] = 2
		return "", nil
	}
	return c.kubectl(cluster, words)
}

func (c *clusters) kubectl(cluster string, words []string) (string, error) {
	key := cluster + "/" + strings.TrimPrefix(words[1], "deployment/")
	switch words[0] {
	case "get":
		if words[1] == "secret" {
			if cluster == "bare" {
				return "", errors.New(`secrets "auth" not found`)
			}
			return "", nil
		}
		key = cluster + "/" + words[2]
		pods, found := c.replicas[key]
		if !found {
			return "", fmt.Errorf("deployments.apps %q not found", words[2])
		}
		return fmt.Sprintf(`{"metadata":{"labels":{"app.kubernetes.io/version":"1.2.3"},"annotations":{%q:%q}},"spec":{"replicas":%d},"status":{"readyReplicas":%d}}`,
			stoppedAt, c.notes[key], pods, c.ready[key]), nil
	case "annotate":
		c.notes[key] = strings.TrimPrefix(words[3], stoppedAt+"=")
	case "scale":
		var pods int
		if _, err := fmt.Sscan(words[3], &pods); err != nil {
			return "", err
		}
		c.replicas[key], c.ready[key] = pods, pods
	}
	return "", nil
}

func (c *clusters) enter(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.atOnce += n
	c.most = max(c.most, c.atOnce)
}

func newClusters(contexts ...string) *clusters {
	c := &clusters{version: "v4.3.1", replicas: map[string]int{}, ready: map[string]int{}, notes: map[string]string{}, broken: map[string]bool{}}
	for _, cluster := range contexts {
		for _, service := range services {
			c.replicas[cluster+"/"+service], c.ready[cluster+"/"+service] = 3, 3
		}
	}
	return c
}

func call(t *testing.T, c *clusters, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	cmd := command(&out, io.Discard, c)
	cmd.SetArgs(args)
	code := exitCode(cmd.ExecuteContext(t.Context()))
	return out.String(), code
}

func TestUpdateIsWhatHappensWithoutAVerb(t *testing.T) {
	t.Parallel()
	c := newClusters("berlin")
	out, code := call(t, c, "--contexts", "berlin", "-f", "production.yaml", "--set", "image.tag=1.2.4")
	if code != 0 || strings.Count(out, "updated") != 3 {
		t.Errorf("exit code %d: %s", code, out)
	}
	want := "helm --kube-context berlin --namespace ihr-charging upgrade auth deploy/helm/auth --rollback-on-failure --wait --timeout 10m0s" +
		" --values production.yaml --set image.tag=1.2.4 --reset-then-reuse-values --force-conflicts"
	if !slices.Contains(c.calls, want) {
		t.Errorf("helm was not called as\n%s\nbut\n%s", want, strings.Join(c.calls, "\n"))
	}
}

func TestHelm3IsGivenItsOwnWordForRollback(t *testing.T) {
	t.Parallel()
	c := newClusters("berlin")
	c.version = "v3.19.5"
	call(t, c, "update", "--contexts", "berlin")
	if all := strings.Join(c.calls, "\n"); !strings.Contains(all, "--atomic") || strings.Contains(all, "--rollback-on-failure") || strings.Contains(all, "--force-conflicts") {
		t.Error(all)
	}
}

func TestAFailingTargetHidesNoOther(t *testing.T) {
	t.Parallel()
	c := newClusters("berlin", "paris", "rome")
	c.broken["paris"] = true
	c.broken["oslo"] = true
	out, code := call(t, c, "update", "--contexts", "berlin,paris,rome,oslo", "--json")
	if code != 2 {
		t.Errorf("exit code %d for two failed targets", code)
	}
	var outcomes []outcome
	if err := json.Unmarshal([]byte(out), &outcomes); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for _, o := range outcomes {
		if wanted := o.Context == "berlin" || o.Context == "rome"; o.OK != wanted {
			t.Errorf("%+v", o)
		}
		if !o.OK && (len(o.Services) != 1 || !strings.Contains(o.Services[0].Error, "unreachable")) {
			t.Errorf("%s says %+v", o.Context, o.Services)
		}
	}
}

func TestWhoIsNoTerminalReadsLines(t *testing.T) {
	t.Parallel()
	c := newClusters("berlin", "paris")
	c.broken["paris"] = true
	var lines bytes.Buffer
	cmd := command(io.Discard, &lines, c)
	cmd.SetArgs([]string{"update", "--contexts", "berlin,paris"})
	if code := exitCode(cmd.ExecuteContext(t.Context())); code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"berlin: auth updated (1 of 3)\n", "berlin: charging-plot updated (3 of 3)\n", "paris: auth FAILED: "} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("%q is not in\n%s", want, lines.String())
		}
	}
	if n := strings.Count(lines.String(), "\n"); n != 4 {
		t.Errorf("%d lines:\n%s", n, lines.String())
	}
}

func TestTargetsRunSideBySideUpToTheLimit(t *testing.T) {
	t.Parallel()
	c := newClusters("a", "b", "c", "d")
	c.hold = make(chan struct{})
	done := make(chan int)
	go func() {
		_, code := call(t, c, "update", "--contexts", "a,b,c,d", "-P", "2", "--services", "auth")
		done <- code
	}()
	for range 4 {
		c.hold <- struct{}{}
	}
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
	if c.most > 2 || c.most < 1 {
		t.Errorf("%d at once", c.most)
	}
}

func TestStopRemembersWhatStartBringsBack(t *testing.T) {
	t.Parallel()
	c := newClusters("berlin")
	if out, code := call(t, c, "stop", "--contexts", "berlin"); code != 0 || strings.Count(out, "stopped (was 3)") != 3 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if out, code := call(t, c, "stop", "--contexts", "berlin"); code != 0 || strings.Count(out, "is stopped already") != 3 {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := call(t, c, "status", "--contexts", "berlin"); code != 0 || strings.Count(out, "stopped") != 3 {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := call(t, c, "start", "--contexts", "berlin"); code != 0 || strings.Count(out, "started (3)") != 3 {
		t.Errorf("exit code %d: %s", code, out)
	}
	if c.replicas["berlin/auth"] != 3 {
		t.Errorf("%d pods of auth", c.replicas["berlin/auth"])
	}
}

func TestStatusLooksAtEveryServiceAndFailsWhenPodsAreMissing(t *testing.T) {
	t.Parallel()
	c := newClusters("berlin")
	c.ready["berlin/auth"] = 1
	out, code := call(t, c, "status", "--contexts", "berlin")
	if code != 1 || !strings.Contains(out, "FAILED: 1 of 3 ready, 1.2.3") || strings.Count(out, "3 of 3 ready") != 2 {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestInstallAsksForTheSecretsFirst(t *testing.T) {
	t.Parallel()
	c := newClusters()
	out, code := call(t, c, "install", "--contexts", "bare,fresh")
	if code != 1 || !strings.Contains(out, "the Secret auth must be there first") || strings.Count(out, "installed") != 3 {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code = call(t, c, "install", "--contexts", "fresh"); code != 0 || strings.Count(out, "is there already") != 3 {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestAWrongCallIsTold(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"explode"}, {"update", "-P", "0"}, {"status", "--services", "map"}, {"stop", "--contexts", "a,b,a"}, {"update", "--nonsense"}} {
		c := newClusters("a", "b")
		if _, code := call(t, c, args...); code != exitUsage {
			t.Errorf("%v: exit code %d", args, code)
		}
		if len(c.calls) > 0 {
			t.Errorf("%v did something: %v", args, c.calls)
		}
	}
}

func TestTheCurrentContextIsTheTargetWhenNoneIsNamed(t *testing.T) {
	t.Parallel()
	out, code := call(t, newClusters("here"), "status")
	if code != 0 || strings.Count(out, "here") != 3 {
		t.Errorf("exit code %d: %s", code, out)
	}
}
