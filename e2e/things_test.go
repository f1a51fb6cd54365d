package e2e_test

import "time"

// What the API answers with, as far as a journey reads it. That the answers are whole is checked against the documents.

type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
	Total      int    `json:"total"`
}

type counts struct {
	Total     int `json:"total"`
	Available int `json:"available"`
}

type stationItem struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	DistanceM *float64 `json:"distance_m"`
	Plots     struct {
		counts
		ByConnector map[string]counts `json:"by_connector"`
	} `json:"plots"`
}

type station struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Operator struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"operator"`
	Source    string  `json:"source"`
	SourceID  string  `json:"source_id"`
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Version   int64   `json:"version"`
	Evses     []evse  `json:"evses"`
}

type evse struct {
	ID         string  `json:"id"`
	UID        string  `json:"uid"`
	EvseID     string  `json:"evse_id"`
	PlotID     *string `json:"plot_id"`
	Status     *string `json:"status"`
	Removed    bool    `json:"removed"`
	Connectors []struct {
		Standard         string `json:"standard"`
		MaxElectricPower int    `json:"max_electric_power"`
	} `json:"connectors"`
}

type plot struct {
	ID           string    `json:"id"`
	StationID    string    `json:"station_id"`
	EvseIDs      []string  `json:"evse_ids"`
	Status       string    `json:"status"`
	StatusSince  time.Time `json:"status_since"`
	StatusSource string    `json:"status_source"`
	Reservable   bool      `json:"reservable"`
	Version      int64     `json:"version"`
}

type reservation struct {
	ID       string    `json:"id"`
	PlotID   string    `json:"plot_id"`
	State    string    `json:"state"`
	Reason   string    `json:"reason"`
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at"`
}

type session struct {
	ID            string   `json:"id"`
	PlotID        string   `json:"plot_id"`
	ReservationID *string  `json:"reservation_id"`
	State         string   `json:"state"`
	Reason        string   `json:"reason"`
	EnergyKWh     *float64 `json:"energy_kwh"`
	PowerKW       *float64 `json:"power_kw"`
}

type meterValue struct {
	At          time.Time `json:"at"`
	RegisterKWh *float64  `json:"register_kwh"`
	PowerKW     *float64  `json:"power_kw"`
}

type curve struct {
	SessionID string `json:"session_id"`
	Readings  int    `json:"readings"`
	Points    []struct {
		ElapsedS  float64  `json:"elapsed_s"`
		PowerKW   *float64 `json:"power_kw"`
		EnergyKWh *float64 `json:"energy_kwh"`
	} `json:"points"`
}

type money struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
}

type receipt struct {
	SessionID    string `json:"session_id"`
	StopReason   string `json:"stop_reason"`
	MeterStartWh int64  `json:"meter_start_wh"`
	MeterStopWh  int64  `json:"meter_stop_wh"`
	EnergyKWh    string `json:"energy_kwh"`
	Lines        []struct {
		Phase       string  `json:"phase"`
		Dimension   string  `json:"dimension"`
		Volume      string  `json:"volume"`
		Price       string  `json:"price"`
		BeforeTaxes *string `json:"before_taxes"`
		AfterTaxes  *string `json:"after_taxes"`
	} `json:"lines"`
	TotalBeforeTaxes *money `json:"total_before_taxes"`
	TotalAfterTaxes  *money `json:"total_after_taxes"`
}

type chargePoint struct {
	ID        string `json:"id"`
	Identity  string `json:"identity"`
	Connected bool   `json:"connected"`
}

type importReport struct {
	ID           string   `json:"id"`
	State        string   `json:"state"`
	Error        string   `json:"error"`
	Rows         int      `json:"rows"`
	RejectedRows int      `json:"rejected_rows"`
	AdjustedRows int      `json:"adjusted_rows"`
	Stations     int      `json:"stations"`
	Created      int      `json:"created"`
	Updated      int      `json:"updated"`
	Unchanged    int      `json:"unchanged"`
	DurationS    *float64 `json:"duration_s"`
}
