package chargepoint

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Message is one frame that a charge point and the service exchanged, as it may be kept.
type Message struct {
	ID            uuid.UUID
	ChargePointID uuid.UUID
	At            time.Time
	Direction     Direction
	Kind          MessageKind
	MessageID     string
	Action        string // empty when it is not known
	Payload       string // see RedactPayload
	ErrorCode     string
}

// Direction is which way a message went.
type Direction string

// The directions, as seen from the service.
const (
	In  Direction = "IN"
	Out Direction = "OUT"
)

// MessageKind is what a message is.
type MessageKind string

// The kinds of message.
const (
	Call       MessageKind = "CALL"
	Result     MessageKind = "RESULT"
	Refusal    MessageKind = "ERROR"
	Unreadable MessageKind = "UNREADABLE"
)

// Messages says which messages a list shows, newest first; zero fields do not narrow it.
type Messages struct {
	ChargePoint uuid.UUID
	Direction   Direction
	Action      string
	MessageID   string
	From, To    time.Time // from the first on, before the second
	Before      uuid.UUID // only those before this one
	Limit       int
}

// Journal keeps messages. Note returns at once: what is said is more than the record of it.
type Journal interface {
	Note(m Message)
}

// LongestPayload is how much of a payload is kept.
const LongestPayload = 8192

// tags are the members whose value names somebody's card; in 2.0.1 the value of idToken is an object with a member of that name.
var tags = map[string]bool{"idTag": true, "parentIdTag": true, "idToken": true, "additionalIdToken": true}

// locations are the members that hold a URL, in which a password may be.
var locations = map[string]bool{"location": true, "remoteLocation": true}

// RedactPayload gives the JSON of a payload with tags, passwords and vendors' data blotted out, cut to LongestPayload. What is no JSON is
// dropped, since nobody can tell what is in it.
func RedactPayload(payload []byte) string {
	if len(payload) == 0 {
		return ""
	}
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return ""
	}
	blotOut(value)
	out, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	if len(out) > LongestPayload {
		out = []byte(strings.ToValidUTF8(string(out[:LongestPayload]), ""))
	}
	return string(out)
}

func blotOut(value any) {
	switch value := value.(type) {
	case []any:
		for _, v := range value {
			blotOut(v)
		}
	case map[string]any:
		secret := namesSecret(value)
		for key, v := range value {
			text, isText := v.(string)
			switch {
			case isText && (tags[key] || secret && (key == "value" || key == "attributeValue")):
				value[key] = blot
			case isText && locations[key]:
				value[key] = RedactURL(text)
			default:
				blotOut(v)
			}
		}
	}
}

// namesSecret tells whether an object is a setting that holds a secret: by its key in 1.6, by its variable's name in 2.0.1. In a report
// the value is one level deeper.
func namesSecret(object map[string]any) bool {
	name, _ := object["key"].(string)
	if variable, ok := object["variable"].(map[string]any); ok {
		name, _ = variable["name"].(string)
		if attributes, ok := object["variableAttribute"].([]any); ok && (Variable{Name: name}).Secret() {
			for _, a := range attributes {
				if attribute, ok := a.(map[string]any); ok && attribute["value"] != nil {
					attribute["value"] = blot
				}
			}
		}
	}
	return Variable{Name: name}.Secret()
}

// RedactURL blots out the password, and the query, of a URL.
func RedactURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return blot
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	if u.RawQuery != "" {
		u.RawQuery = blot
	}
	return u.String()
}
