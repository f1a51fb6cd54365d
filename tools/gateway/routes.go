package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Match types of a route, with the meaning they have in a Kubernetes HTTPRoute: a prefix ends at a segment of the path.
const (
	Exact  = "exact"
	Prefix = "prefix"
)

// Ports of a service.
const (
	PortHTTP = "http"
	PortOCPP = "ocpp"
)

// Route sends the paths below one to one port of one service.
type Route struct {
	Service string `yaml:"-"`
	Path    string `yaml:"path"`
	Type    string `yaml:"type"`
	Port    string `yaml:"port"`
}

// Matches says whether the route takes the path.
func (r Route) Matches(p string) bool {
	if r.Type == Exact {
		return p == r.Path
	}
	rest, ok := strings.CutPrefix(p, strings.TrimSuffix(r.Path, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// Table is the public surface: every path that a service answers through the gateway.
type Table []Route

// LoadTable reads <service>/files/routes.yaml of every chart in the folder (deploy/helm). It refuses a table in which two
// services claim the same route, or in which anything is unknown.
func LoadTable(charts fs.FS) (Table, error) {
	files, err := fs.Glob(charts, "*/files/routes.yaml")
	if err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	if len(files) == 0 {
		return nil, errors.New("routes: no */files/routes.yaml among the charts")
	}
	var table Table
	for _, file := range files {
		routes, err := readRoutes(charts, file)
		if err != nil {
			return nil, fmt.Errorf("routes: %s: %w", file, err)
		}
		table = append(table, routes...)
	}
	return table, table.check()
}

func readRoutes(charts fs.FS, file string) ([]Route, error) {
	f, err := charts.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var document struct {
		Routes []Route `yaml:"routes"`
	}
	decoder := yaml.NewDecoder(f)
	decoder.KnownFields(true)
	if err := decoder.Decode(&document); err != nil {
		return nil, err
	}
	service, _, _ := strings.Cut(file, "/")
	for i := range document.Routes {
		r := &document.Routes[i]
		r.Service = service
		if r.Port == "" {
			r.Port = PortHTTP
		}
		switch {
		case r.Type != Exact && r.Type != Prefix:
			return nil, fmt.Errorf("route %s: type %q is neither exact nor prefix", r.Path, r.Type)
		case r.Port != PortHTTP && r.Port != PortOCPP:
			return nil, fmt.Errorf("route %s: port %q is neither http nor ocpp", r.Path, r.Port)
		case !strings.HasPrefix(r.Path, "/") || path.Clean(r.Path) != r.Path:
			return nil, fmt.Errorf("route %q is not a clean path", r.Path)
		}
	}
	return document.Routes, nil
}

func (t Table) check() error {
	var faults []error
	for i, a := range t {
		for _, b := range t[:i] {
			if a.Path == b.Path && a.Type == b.Type {
				faults = append(faults, fmt.Errorf("routes: %s (%s) is claimed by %s and by %s", a.Path, a.Type, b.Service, a.Service))
			}
		}
	}
	return errors.Join(faults...)
}

// Find returns the route of a path: the exact one, else the one with the longest prefix.
func (t Table) Find(p string) (Route, bool) {
	var best Route
	found := false
	for _, r := range t {
		if !r.Matches(p) {
			continue
		}
		if r.Type == Exact {
			return r, true
		}
		if !found || len(r.Path) > len(best.Path) {
			best, found = r, true
		}
	}
	return best, found
}

// Services lists the services that have a route, in order of their names.
func (t Table) Services() []string {
	var names []string
	for _, r := range t {
		names = append(names, r.Service)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
