package ocpp

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// noter writes down the frames of one charge point.
func (s *Server) noter(id uuid.UUID) func(chargepoint.Direction, frame) {
	return func(direction chargepoint.Direction, f frame) {
		m := chargepoint.Message{
			ID: uuid.Must(uuid.NewV7()), ChargePointID: id, At: time.Now().UTC(), Direction: direction, Kind: chargepoint.Unreadable,
			MessageID: cut(f.id, longestID), Action: cut(f.action, 50), Payload: chargepoint.RedactPayload(f.payload), ErrorCode: cut(f.code, 50),
		}
		switch f.kind {
		case typeCall:
			m.Kind = chargepoint.Call
		case typeCallResult:
			m.Kind = chargepoint.Result
		case typeCallError:
			m.Kind = chargepoint.Refusal
		}
		if f.description != "" {
			m.Payload = chargepoint.RedactPayload(description(f.description))
		}
		s.cfg.Journal.Note(m)
	}
}

// description is a refusal's as a payload.
func description(text string) []byte {
	data, err := json.Marshal(map[string]string{"description": text})
	if err != nil {
		return nil
	}
	return data
}

// cut shortens what a charge point wrote to what it may write.
func cut(text string, length int) string {
	runes := []rune(text)
	if len(runes) <= length {
		return text
	}
	return string(runes[:length])
}
