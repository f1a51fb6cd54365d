// Package charttest renders the charts as Helm does and holds what comes out against what Kubernetes, its Pod Security standards
// and our own contract want. Its command writes each chart's README.md and values.schema.json from the comments of values.yaml.
//
// It is a module of its own, outside the workspace, because Helm's and Kubernetes' modules are heavy and no service needs them.
package charttest

import (
	"fmt"
	"path/filepath"
	"strings"

	chartcommon "helm.sh/helm/v4/pkg/chart/common"
	chartutil "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

// Charts are the charts that make a release, by folder.
var Charts = []string{"auth", "station-catalog", "charging-plot"}

// Folder is where a chart is, from this package.
func Folder(chart string) string { return filepath.Join("..", "helm", chart) }

// Render renders a chart with values laid over its own, for a cluster that has everything the chart can use. The answer is one YAML
// document an object. It fails as Helm does: when the values break the schema or a template asks for one that is missing.
func Render(chart string, values map[string]any) ([]string, error) {
	loaded, err := loader.Load(Folder(chart))
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", chart, err)
	}
	options := chartcommon.ReleaseOptions{Name: chart, Namespace: "ihr-charging", Revision: 1, IsInstall: true}
	merged, err := chartutil.ToRenderValues(loaded, values, options, chartcommon.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(loaded, merged)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, document := range strings.Split(files[chart+"/templates/all.yaml"], "\n---\n") {
		if strings.TrimSpace(document) != "" {
			out = append(out, strings.TrimSpace(document)+"\n")
		}
	}
	return out, nil
}

// Object is the part of every Kubernetes object that tells it from the others.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name        string            `json:"name"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
}

// Identify reads what a document is.
func Identify(document string) (Object, error) {
	var o Object
	return o, yaml.Unmarshal([]byte(document), &o)
}
