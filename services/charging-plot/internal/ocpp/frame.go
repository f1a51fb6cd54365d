package ocpp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocppj"
)

// The message types of OCPP-J, the first element of every frame.
const (
	typeCall       = 2
	typeCallResult = 3
	typeCallError  = 4
)

// The error codes of OCPP-J 1.6, section 4.2.3; a dialect spells them its own way. The missing letter in OccurenceConstraintViolation is
// the standard's own; ocpp-go sends the corrected spelling of 2.0.1, which a strict 1.6 station does not know.
const (
	codeNotImplemented     ocpp.ErrorCode = ocppj.NotImplemented
	codeNotSupported       ocpp.ErrorCode = ocppj.NotSupported
	codeInternal           ocpp.ErrorCode = ocppj.InternalError
	codeSecurity           ocpp.ErrorCode = ocppj.SecurityError
	codeFormation          ocpp.ErrorCode = ocppj.FormatViolationV16
	codePropertyConstraint ocpp.ErrorCode = ocppj.PropertyConstraintViolation
	codeOccurence          ocpp.ErrorCode = "OccurenceConstraintViolation"
	codeTypeConstraint     ocpp.ErrorCode = ocppj.TypeConstraintViolation
	codeFramework          ocpp.ErrorCode = "RpcFrameworkError" // 2.0.1 alone: the frame could not be read at all
)

// The standard allows 36 characters in a message id. A longer one still gets its answer, because an answer is the only way its
// sender learns of the mistake; past longestEcho the frame counts as unreadable.
const (
	longestID          = 36
	longestEcho        = 255
	longestDescription = 255
)

// A frame is one OCPP-J message taken apart, its payload not yet read.
type frame struct {
	kind        int
	id          string
	action      string          // of a call
	payload     json.RawMessage // of a call or a result
	code        string          // of an error
	description string          // of an error
}

// A callError is the refusal of one call: what a CALLERROR carries. With an empty id nobody can be answered and it is only logged.
type callError struct {
	id          string
	code        ocpp.ErrorCode
	description string
}

func (e *callError) Error() string {
	return fmt.Sprintf("%s: %s", e.code, e.description)
}

func refuse(code ocpp.ErrorCode, format string, args ...any) *callError {
	return &callError{code: code, description: fmt.Sprintf(format, args...)}
}

// parseFrame takes a frame apart. A call that breaks the rules comes back as a callError that bears its id; anything that cannot
// be answered (no JSON, no readable id, an unknown message type, which the standard says to ignore) as one without.
func parseFrame(data []byte) (frame, *callError) {
	if !utf8.Valid(data) {
		return frame{}, refuse(codeFormation, "the frame is not UTF-8")
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return frame{}, refuse(codeFormation, "the frame is not a JSON array")
	}
	if len(parts) < 3 {
		return frame{}, refuse(codeFormation, "the frame has %d elements, which is fewer than 3", len(parts))
	}
	var f frame
	if err := json.Unmarshal(parts[0], &f.kind); err != nil {
		return frame{}, refuse(codeFormation, "the message type is not a number")
	}
	if err := json.Unmarshal(parts[1], &f.id); err != nil || f.id == "" {
		return frame{}, refuse(codeFormation, "the message id is not a non-empty string")
	}
	if len(f.id) > longestEcho {
		return frame{}, refuse(codeFormation, "the message id has %d bytes", len(f.id))
	}
	switch f.kind {
	case typeCall:
		if e := f.parseCall(data, parts); e != nil {
			e.id = f.id
			return frame{}, e
		}
	case typeCallResult:
		f.payload = parts[2]
	case typeCallError:
		// A broken error is still an error: whatever of it can be read is kept.
		_ = json.Unmarshal(parts[2], &f.code)
		if len(parts) > 3 {
			_ = json.Unmarshal(parts[3], &f.description)
		}
	default:
		return frame{}, refuse(codeFormation, "the message type %d is unknown", f.kind)
	}
	return f, nil
}

func (f *frame) parseCall(data []byte, parts []json.RawMessage) *callError {
	if utf8.RuneCountInString(f.id) > longestID {
		return refuse(codeFormation, "the message id is longer than %d characters", longestID)
	}
	if len(parts) != 4 {
		return refuse(codeFormation, "a call has 4 elements, this one %d", len(parts))
	}
	if err := json.Unmarshal(parts[2], &f.action); err != nil || f.action == "" {
		return refuse(codeFormation, "the action is not a non-empty string")
	}
	if parts[3][0] != '{' {
		return refuse(codeFormation, "the payload is not an object")
	}
	// A NUL is legal JSON, but no text column of the database can hold it.
	if bytes.Contains(data, []byte(`\u0000`)) {
		return refuse(codeFormation, "the payload contains a NUL character")
	}
	f.payload = parts[3]
	return nil
}

// encodeCall, encodeResult and encodeError write the three kinds of frames. They fail only for payloads that JSON cannot express.
func encodeCall(id, action string, payload any) ([]byte, error) {
	return json.Marshal([]any{typeCall, id, action, payload})
}

func encodeResult(id string, payload any) ([]byte, error) {
	return json.Marshal([]any{typeCallResult, id, payload})
}

// callOf and resultOf give the payload in a frame that the functions above wrote.
func callOf(data []byte) json.RawMessage { return payloadOf(data, 3) }

func resultOf(data []byte) json.RawMessage { return payloadOf(data, 2) }

func payloadOf(data []byte, at int) json.RawMessage {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil || len(parts) <= at {
		return nil
	}
	return parts[at]
}

func encodeError(e *callError, code ocpp.ErrorCode) ([]byte, error) {
	description := e.description
	for len(description) > longestDescription {
		_, size := utf8.DecodeLastRuneInString(description)
		description = description[:len(description)-size]
	}
	return json.Marshal([]any{typeCallError, e.id, code, description, struct{}{}})
}
