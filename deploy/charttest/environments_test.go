package charttest_test

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/ihr-charging/charging-plot-api/deploy/charttest"
)

// TestEnvironmentsFitEveryChart promises that each file of environments can be laid over each chart.
func TestEnvironmentsFitEveryChart(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../helm/environments/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("environments: %v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var values map[string]any
		if err := yaml.Unmarshal(data, &values); err != nil {
			t.Fatal(err)
		}
		for _, chart := range charttest.Charts {
			if _, err := charttest.Render(chart, values); err != nil {
				t.Errorf("%s does not take %s: %v", chart, filepath.Base(file), err)
			}
		}
	}
}
