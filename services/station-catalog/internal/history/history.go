// Package history holds what became of things of the catalogue: each version with who made it, how, and what it changed.
//
// Diff compares two documents member by member; lists whose elements have a key of their own (EVSEs, tariffs) are compared element
// by element, so that one plug that changes is not told as a station that changes.
package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Action is how a version came about.
type Action string

// The actions.
const (
	Created         Action = "created"
	Changed         Action = "changed"
	Removed         Action = "removed"
	Restored        Action = "restored"
	Merged          Action = "merged"
	EVSEMoved       Action = "evse_moved"       // an EVSE went to another station
	TariffChanged   Action = "tariff_changed"   // a tariff that the station refers to has changed
	OperatorChanged Action = "operator_changed" // the operator that runs the station has changed
)

// Author is who makes a version.
type Author struct {
	// Subject is that of the token, or how an import was submitted.
	Subject string
	// Import is the import that makes it; nil for a request.
	Import *uuid.UUID
	// Suggestion is the suggestion that was accepted by it; nil for a request of its own.
	Suggestion *uuid.UUID
}

// Change is a member that differs. What was not there, or is no more, is null.
type Change struct {
	Path   string          `json:"path"` // a JSON pointer; an element of a list is named by its key
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

// Entry is a version.
type Entry struct {
	Version      int64      `json:"version"`
	ChangedAt    time.Time  `json:"changed_at"`
	Action       Action     `json:"action"`
	Actor        string     `json:"actor"`
	ImportID     *uuid.UUID `json:"import_id,omitempty"`
	SuggestionID *uuid.UUID `json:"suggestion_id,omitempty"`
	Changes      []Change   `json:"changes,omitempty"`
}

// Keyed are the lists of a document whose elements are known by a member: the name of the list, and of the member.
type Keyed map[string]string

// Diff gives the members in which two documents differ, by path.
func Diff(before, after any, lists Keyed) ([]Change, error) {
	old, err := members(before)
	if err != nil {
		return nil, err
	}
	fresh, err := members(after)
	if err != nil {
		return nil, err
	}
	for list, key := range lists {
		if err := spread(old, list, key); err != nil {
			return nil, err
		}
		if err := spread(fresh, list, key); err != nil {
			return nil, err
		}
	}
	var changes []Change
	for path := range union(old, fresh) {
		if !same(old[path], fresh[path]) {
			changes = append(changes, Change{Path: "/" + path, Before: old[path], After: fresh[path]})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return bytes.Compare([]byte(a.Path), []byte(b.Path)) })
	return changes, nil
}

// same tells whether two texts mean the same: the database writes the members of an object in another order than we do.
func same(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) || a == nil || b == nil {
		return bytes.Equal(a, b)
	}
	var meant [2]any
	for i, text := range []json.RawMessage{a, b} {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if d.Decode(&meant[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(meant[0], meant[1])
}

func union(a, b map[string]json.RawMessage) map[string]struct{} {
	out := make(map[string]struct{}, len(a))
	for path := range maps.Keys(a) {
		out[path] = struct{}{}
	}
	for path := range maps.Keys(b) {
		out[path] = struct{}{}
	}
	return out
}

func members(document any) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("document of a version: %w", err)
	}
	out := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("document of a version: %w", err)
	}
	return out, nil
}

// spread makes members of the elements of a list.
func spread(in map[string]json.RawMessage, list, key string) error {
	text, ok := in[list]
	if !ok || string(text) == "null" {
		delete(in, list)
		return nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(text, &elements); err != nil {
		return fmt.Errorf("list %s of a version: %w", list, err)
	}
	delete(in, list)
	for _, element := range elements {
		var named map[string]json.RawMessage
		var name string
		if err := json.Unmarshal(element, &named); err != nil {
			return fmt.Errorf("element of %s of a version: %w", list, err)
		}
		if err := json.Unmarshal(named[key], &name); err != nil {
			return fmt.Errorf("key of %s of a version: %w", list, err)
		}
		in[list+"/"+name] = element
	}
	return nil
}
