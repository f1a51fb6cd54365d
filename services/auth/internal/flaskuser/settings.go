package flaskuser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Setting is one of Flask-User's settings and what became of it.
type Setting struct {
	Name string
	// Ours is the setting, the call or the place that does it here; "" when there is none.
	Ours string
	// Why says how it is here, or why there is nothing of the kind.
	Why string
}

// Settings returns all 80, in the order of Flask-User's documentation.
func Settings() []Setting { return slices.Clone(mapping) }

// Found is a setting of an old configuration.
type Found struct {
	Setting
	Value   string // as it stands in the file
	Unknown bool   // it begins with USER_ and Flask-User knows none of the name
}

var (
	errSettings = errors.New("not a settings file: neither NAME = value nor a JSON object")
	assignment  = regexp.MustCompile(`^\s*(?:export\s+)?(USER_[A-Z0-9_]+)\s*=\s*(.*?)\s*$`)
)

const mostSettings = 1 << 20

// ReadSettings returns the settings of Flask-User in an old configuration: Python assignments, an environment file, or a JSON
// object. Nothing in it is executed. What does not begin with USER_ is not Flask-User's and is left out.
func ReadSettings(r io.Reader) ([]Found, error) {
	raw, err := io.ReadAll(io.LimitReader(r, mostSettings+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > mostSettings {
		return nil, fmt.Errorf("the file is longer than %d bytes", mostSettings)
	}
	values := map[string]string{}
	var order []string
	add := func(name, value string) {
		if _, there := values[name]; !there {
			order = append(order, name)
		}
		values[name] = value // the last assignment holds, as in Python
	}
	if trimmed := bytes.TrimSpace(raw); len(trimmed) > 0 && trimmed[0] == '{' {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(trimmed, &object); err != nil {
			return nil, fmt.Errorf("%w: %w", errSettings, err)
		}
		for name, value := range object {
			if strings.HasPrefix(name, "USER_") {
				add(name, string(value))
			}
		}
		slices.Sort(order)
	} else {
		lines := bufio.NewScanner(bytes.NewReader(raw))
		lines.Buffer(nil, mostSettings+1)
		for lines.Scan() {
			if m := assignment.FindStringSubmatch(lines.Text()); m != nil {
				add(m[1], m[2])
			}
		}
		if err := lines.Err(); err != nil {
			return nil, err
		}
		if len(order) == 0 && !bytes.Contains(raw, []byte("=")) && len(bytes.TrimSpace(raw)) > 0 {
			return nil, errSettings
		}
	}
	found := make([]Found, len(order))
	for i, name := range order {
		at := slices.IndexFunc(mapping, func(s Setting) bool { return s.Name == name })
		if at < 0 {
			found[i] = Found{Setting: Setting{Name: name, Why: "Flask-User has no such setting"}, Value: values[name], Unknown: true}
			continue
		}
		found[i] = Found{Setting: mapping[at], Value: values[name]}
	}
	return found, nil
}
