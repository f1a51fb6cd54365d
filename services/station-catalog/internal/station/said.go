package station

import (
	"encoding/json"
	"fmt"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
)

// Said gives those members of the station, as Input has them, that a JSON Merge Patch touches; what the station lacks is null.
func (s *Station) Said(patch []byte) (json.RawMessage, error) {
	var touched, members map[string]json.RawMessage
	if err := json.Unmarshal(patch, &touched); err != nil {
		return nil, ErrInvalid.Detailf("the patch is not an object").Because(err)
	}
	text, err := json.Marshal(s.input())
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		return nil, fmt.Errorf("members of a station: %w", err)
	}
	for name := range touched {
		touched[name] = members[name] // nil is written as null
	}
	return json.Marshal(touched)
}

// Since gives what of the members that were said once is otherwise by now, from what was said to what is there. Members whose values are
// objects or lists are compared as wholes; of EVSEs and tariffs each by itself is told.
func (s *Station) Since(said json.RawMessage) ([]history.Change, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(said, &members); err != nil {
		return nil, fmt.Errorf("what was said of a station: %w", err)
	}
	none := make(map[string]any, len(members))
	for name := range members {
		none[name] = nil
	}
	without, err := json.Marshal(none) // else objects would be merged into what is there now
	if err != nil {
		return nil, fmt.Errorf("what was said of a station: %w", err)
	}
	then, err := s.Patched(without)
	if err == nil {
		then, err = then.Patched(said)
	}
	if err != nil {
		return nil, fmt.Errorf("what was said of a station: %w", err)
	}
	return Diff(then, *s, true)
}
