// Package mergepatch changes a value by a JSON Merge Patch (RFC 7396).
package mergepatch

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Apply gives the value after the patch. Members that the value's type does not have are an error, in words for whoever sent it.
func Apply[T any](value T, patch []byte) (T, error) {
	var out T
	document, err := json.Marshal(value)
	if err != nil {
		return out, fmt.Errorf("value to patch: %w", err)
	}
	var target, change any
	if err := decode(document, &target); err != nil {
		return out, fmt.Errorf("value to patch: %w", err)
	}
	if err := decode(patch, &change); err != nil {
		return out, fmt.Errorf("the patch is not JSON: %w", err)
	}
	after, err := json.Marshal(merge(target, change))
	if err != nil {
		return out, fmt.Errorf("merge patch: %w", err)
	}
	strict := json.NewDecoder(bytes.NewReader(after))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&out); err != nil {
		return out, fmt.Errorf("the patch does not fit: %w", err)
	}
	return out, nil
}

func decode(text []byte, into *any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // a number stays as it is written
	return decoder.Decode(into)
}

// merge is MergePatch of RFC 7396, section 2.
func merge(target, patch any) any {
	change, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = make(map[string]any, len(change))
	}
	for name, value := range change {
		if value == nil {
			delete(object, name)
			continue
		}
		object[name] = merge(object[name], value)
	}
	return object
}
