package chargepoint

import "time"

// Variable is one setting or measurement of a charge point: a key of OCPP 1.6 (a variable without a component), or a variable of a
// component in 2.0.1.
type Variable struct {
	Component         string `json:"component,omitempty"`
	ComponentInstance string `json:"component_instance,omitempty"`
	EVSE              int    `json:"evse,omitempty"`      // 0: not of one EVSE
	Connector         int    `json:"connector,omitempty"` // 0: not of one plug
	Name              string `json:"name"`
	Instance          string `json:"instance,omitempty"`
	Attribute         string `json:"attribute,omitempty"` // Actual (the default), Target, MinSet, MaxSet
	Value             string `json:"value,omitempty"`
	ReadOnly          bool   `json:"read_only,omitempty"`
	// Status is the answer for this one to a command, empty outside of answers.
	Status CommandStatus `json:"status,omitempty"`
	// At is when the charge point said so, zero outside of what is kept.
	At time.Time `json:"at,omitzero"`
}

// secretVariables hold what nobody may read back.
var secretVariables = map[string]bool{"AuthorizationKey": true, "BasicAuthPassword": true}

// Secret tells whether the value of the variable is one that is neither kept nor shown.
func (v Variable) Secret() bool { return secretVariables[v.Name] }

// LocalList is a list of tags that a charge point may decide about without asking, or a change of one.
type LocalList struct {
	Version int         `json:"version"`
	Full    bool        `json:"full,omitempty"` // it takes the place of the former list; else it changes it
	Entries []ListedTag `json:"entries,omitempty"`
}

// ListedTag is one tag of a local list. In a change, one without a status is taken off the list.
type ListedTag struct {
	IDTag     string        `json:"id_tag"`
	Status    Authorization `json:"status,omitempty"`
	ExpiresAt time.Time     `json:"expires_at,omitzero"`
}

// Transfer is a file that a charge point is to fetch (firmware) or to bring (diagnostics).
type Transfer struct {
	URL            string    `json:"url"`
	At             time.Time `json:"at,omitzero"`         // firmware: when to fetch it
	InstallAt      time.Time `json:"install_at,omitzero"` // firmware, 2.0.1: when to install it
	From           time.Time `json:"from,omitzero"`       // diagnostics: of what time
	To             time.Time `json:"to,omitzero"`
	Security       bool      `json:"security,omitempty"` // diagnostics, 2.0.1: the security log
	Retries        *int      `json:"retries,omitempty"`
	RetryIntervalS *int      `json:"retry_interval_s,omitempty"`
}

// VendorData is a message that OCPP leaves to vendors.
type VendorData struct {
	VendorID  string `json:"vendor_id"`
	MessageID string `json:"message_id,omitempty"`
	Data      string `json:"data,omitempty"`
}

// Progress is how far a charge point is with a command that takes its time.
type Progress struct {
	Kind      CommandKind // UpdateFirmware or GetDiagnostics
	RequestID int         // of the command, 0 where the protocol does not say it
	Status    string      // OCPP's word: Downloading, Installed, Uploaded, …
}
