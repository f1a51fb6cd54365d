// Command chartdocs writes values.schema.json and README.md of every chart from its values.yaml. Run it in deploy/charttest.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/ihr-charging/charging-plot-api/deploy/charttest"
)

func main() {
	for _, chart := range charttest.Charts {
		for name, make := range map[string]func(string) ([]byte, error){"values.schema.json": charttest.Schema, "README.md": charttest.Readme} {
			data, err := make(chart)
			if err == nil {
				err = os.WriteFile(filepath.Join(charttest.Folder(chart), name), data, 0o644)
			}
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s of %s: %v\n", name, chart, err)
				os.Exit(1)
			}
		}
	}
}
