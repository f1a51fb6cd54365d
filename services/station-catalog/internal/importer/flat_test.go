package importer

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzFlat promises that flat understands the objects that encoding/json understands, and reads the same texts out of them.
func FuzzFlat(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { "a" : "b" } `, `{"a":"é\u00e9\ud83d\ude00\ud83d\n\"\\"}`, `{"a":1.5e-3,"b":true,"c":null,"d":[1,{"x":"]"}],"e":false}`,
		`{"a":"b",}`, `{"a":01}`, `{"a":"`, `[]`, `{"a":nul}`, `{"a":"b"} x`, `{"a":-0}`, `{"a":"\u12"}`, `{"\u0061":""}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		var want map[string]json.RawMessage
		wantErr := json.Unmarshal(object, &want)
		got := map[string]string{}
		nested := false
		err := flat(object, func(name, value []byte) {
			nested = nested || len(value) > 0 && (value[0] == '[' || value[0] == '{')
			got[string(name)] = string(value)
		})
		if wantErr == nil && want == nil {
			return // "null" is no object to flat
		}
		if (err == nil) != (wantErr == nil) && !nested {
			t.Fatalf("flat says %v, encoding/json %v", err, wantErr)
		}
		if err != nil || wantErr != nil {
			return
		}
		for name, raw := range want {
			var text string
			if json.Unmarshal(raw, &text) != nil {
				text = string(raw)
			}
			// Bytes that are not UTF-8 are refused before flat sees them.
			if !json.Valid(raw) || bytes.ContainsRune(object, '\ufffd') || !bytes.Equal(bytes.ToValidUTF8(object, nil), object) {
				continue
			}
			if string(raw) == "null" {
				text = ""
			}
			if got[name] != text {
				t.Fatalf("%q is read as %q, want %q", name, got[name], text)
			}
		}
	})
}
