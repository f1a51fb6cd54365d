package charttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// setting is one line of values.yaml.
type setting struct {
	path     string
	comment  string
	value    *yaml.Node
	children []setting
}

// free are the settings whose keys are the user's to choose.
var free = []string{"config", "secret.keys", "networkPolicy.gatewayNamespaceLabels", "networkPolicy.monitoringNamespaceLabels",
	"monitoring.labels", "monitoring.dashboardLabels", "externalSecret.storeRef", "podAnnotations", "nodeSelector", "affinity", "global"}

var (
	ports    = map[string]any{"items": map[string]any{"type": "integer", "minimum": 1, "maximum": 65535}}
	networks = map[string]any{"items": map[string]any{"type": "string", "pattern": "^[0-9a-fA-F.:]+/[0-9]+$"}}
)

// narrower says of a setting what its default does not.
var narrower = map[string]map[string]any{
	"image.pullPolicy":           {"enum": []string{"Always", "IfNotPresent", "Never"}},
	"image.digest":               {"pattern": "^(sha256:[0-9a-f]{64})?$"},
	"migrations.mode":            {"enum": []string{"hook", "startup", "off"}},
	"migrations.deadlineSeconds": {"minimum": 1},
	"replicas":                   {"minimum": 0},
	"autoscaling.minReplicas":    {"minimum": 1},
	"autoscaling.maxReplicas":    {"minimum": 1},
	"autoscaling.cpuPercent":     {"minimum": 1, "maximum": 100},
	"resources.requests.cpu":     {"pattern": "^[0-9]+m?$", "type": []string{"string", "integer"}},
	"resources.requests.memory":  {"pattern": "^[0-9]+(Mi|Gi)$"},
	"resources.limits.memory":    {"pattern": "^[0-9]+(Mi|Gi)$"},
	"secret.existingSecret":      {"minLength": 1},
	"shutdown.preStopSeconds":    {"minimum": 0},
	"shutdown.drainSeconds":      {"minimum": 0},
	"shutdown.graceSeconds":      {"minimum": 1},
	"config":                     {"additionalProperties": map[string]any{"type": []string{"string", "number", "boolean"}}},
	"secret.keys":                {"additionalProperties": map[string]any{"type": "string"}},
	"nodeSelector":               {"additionalProperties": map[string]any{"type": "string"}},
	"podAnnotations":             {"additionalProperties": map[string]any{"type": "string"}},
	"ocppTLS.port":               {"minimum": 1, "maximum": 65535},
	"ocppTLS.keys.certificate":   {"minLength": 1},
	"ocppTLS.keys.privateKey":    {"minLength": 1},
	"ocppTLS.clientCA.key":       {"minLength": 1},
	"ocppTLS.sourceRanges":       networks,
	// Turned on without a Secret, the pods would never start.
	"ocppTLS": {
		"if":   map[string]any{"properties": map[string]any{"enabled": map[string]any{"const": true}}},
		"then": map[string]any{"properties": map[string]any{"existingSecret": map[string]any{"minLength": 1}}},
	},
	"networkPolicy.egress.services":           {"items": map[string]any{"type": "string"}},
	"networkPolicy.egress.postgres.ports":     ports,
	"networkPolicy.egress.redis.ports":        ports,
	"networkPolicy.egress.telemetry.ports":    ports,
	"networkPolicy.egress.mail.ports":         ports,
	"networkPolicy.egress.outside.ports":      ports,
	"networkPolicy.egress.outside.except":     networks,
	"externalSecret.storeRef":                 {"additionalProperties": map[string]any{"type": "string"}},
	"gateway.envoy.requestsPerSecond":         {"minimum": 1},
	"monitoring.slowSeconds":                  {"type": "number"},
	"monitoring.lagSeconds":                   {"minimum": 1},
	"gateway.hostnames":                       {"items": map[string]any{"type": "string"}},
	"resources.limits.cpu":                    {"type": []string{"string", "integer"}},
	"networkPolicy.gatewayNamespaceLabels":    {"additionalProperties": map[string]any{"type": "string"}},
	"networkPolicy.monitoringNamespaceLabels": {"additionalProperties": map[string]any{"type": "string"}},
}

// read reads the settings of a chart's values.yaml with the comments above them.
func read(chart string) ([]setting, error) {
	data, err := os.ReadFile(filepath.Join(Folder(chart), "values.yaml"))
	if err != nil {
		return nil, err
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, err
	}
	return settings("", root.Content[0]), nil
}

func settings(prefix string, mapping *yaml.Node) []setting {
	var out []setting
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		s := setting{path: prefix + key.Value, value: value, comment: comment(key.HeadComment)}
		if value.Kind == yaml.MappingNode && !slices.Contains(free, s.path) {
			s.children = settings(s.path+".", value)
		}
		out = append(out, s)
	}
	return out
}

// comment is the last paragraph of what stands above a key.
func comment(head string) string {
	paragraphs := strings.Split(strings.TrimSpace(head), "\n\n")
	lines := strings.Split(paragraphs[len(paragraphs)-1], "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(strings.TrimPrefix(line, "#"))
	}
	return strings.Join(lines, " ")
}

// Schema is the JSON schema of a chart's values: every key that values.yaml has, and no other.
func Schema(chart string) ([]byte, error) {
	all, err := read(chart)
	if err != nil {
		return nil, err
	}
	schema := object(all)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "Values of the chart " + chart
	out, err := json.MarshalIndent(schema, "", "  ")
	return append(out, '\n'), err
}

func object(all []setting) map[string]any {
	properties := make(map[string]any)
	for _, s := range all {
		properties[s.path[strings.LastIndex(s.path, ".")+1:]] = s.schema()
	}
	// The library chart's own values arrive under its name, and are empty.
	if len(all) > 0 && !strings.Contains(all[0].path, ".") {
		properties["common"] = map[string]any{"type": "object"}
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}

func (s setting) schema() map[string]any {
	var out map[string]any
	switch {
	case s.children != nil:
		out = object(s.children)
	case s.value.Kind == yaml.MappingNode:
		out = map[string]any{"type": "object"}
	case s.value.Kind == yaml.SequenceNode:
		out = map[string]any{"type": "array"}
	case s.value.Tag == "!!int":
		out = map[string]any{"type": "integer"}
	case s.value.Tag == "!!bool":
		out = map[string]any{"type": "boolean"}
	default:
		out = map[string]any{"type": "string"}
	}
	if s.comment != "" {
		out["description"] = s.comment
	}
	maps.Copy(out, narrower[s.path])
	return out
}

// Readme is the chart's README: what it installs, and a table of its values.
func Readme(chart string) ([]byte, error) {
	all, err := read(chart)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Chart %s\n\n", chart)
	fmt.Fprintf(&b, "Installs the service [%s](../../../services/%s/README.md). How the three charts make the product stands in the [README](../../../README.md).\n\n", chart, chart)
	fmt.Fprintf(&b, "Before the release there must be a Secret named `%s` with these keys:\n\n| key | setting |\n| --- | --- |\n", find(all, "secret.existingSecret").value.Value)
	keys := find(all, "secret.keys").value
	for i := 0; i+1 < len(keys.Content); i += 2 {
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", keys.Content[i+1].Value, keys.Content[i].Value)
	}
	b.WriteString("\n## Values\n\n| value | default | what it does |\n| --- | --- | --- |\n")
	table(&b, all)
	return []byte(b.String()), nil
}

func find(all []setting, path string) setting {
	for _, s := range all {
		if s.path == path {
			return s
		}
		if strings.HasPrefix(path, s.path+".") && s.children != nil {
			return find(s.children, path)
		}
	}
	return setting{value: &yaml.Node{}}
}

func table(b *strings.Builder, all []setting) {
	for _, s := range all {
		if s.children != nil {
			table(b, s.children)
			continue
		}
		value := inline(s.value)
		fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", s.path, value, strings.ReplaceAll(s.comment, "|", "\\|"))
	}
}

// inline writes a value in one line, as JSON, which is YAML.
func inline(node *yaml.Node) string {
	var v any
	if node.Decode(&v) != nil {
		return node.Value
	}
	out, err := json.Marshal(v)
	if err != nil {
		return node.Value
	}
	return string(out)
}
