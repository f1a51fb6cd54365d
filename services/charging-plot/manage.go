package chargingplot

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	libpostgres "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres"
)

// Registration is a charge point to be registered by hand, as POST /v1/charge-points does it for callers.
type Registration struct {
	Identity  string
	StationID uuid.UUID
	EVSEs     map[int]uuid.UUID // by OCPP connector number
	Password  string            // made when it is empty
}

// ChargePoint is a registered charge point as the commands show it.
type ChargePoint struct {
	ID         uuid.UUID
	Identity   string
	StationID  uuid.UUID
	Connected  bool
	LastSeenAt time.Time
	Model      string
}

// Session is a session as the commands show it.
type Session struct {
	ID        uuid.UUID
	PlotID    uuid.UUID
	State     string
	Reason    string
	StartedAt time.Time
	EndedAt   time.Time
	EnergyKWh float64
}

// with opens the service's database for one errand.
func with(ctx context.Context, cfg Config, errand func(*postgres.Store) error) error {
	cfg = cfg.withDefaults()
	cfg.Postgres.ApplicationName = Name
	db, err := libpostgres.Open(ctx, cfg.Postgres)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	return errand(postgres.New(db, storeOptions(cfg, parts{tel: telemetry.Discard(), db: db}, nil)))
}

// RegisterChargePoint registers a charge point and returns its password, which is not kept and cannot be shown again.
func RegisterChargePoint(ctx context.Context, cfg Config, r Registration) (out ChargePoint, password string, err error) {
	password = r.Password
	if password == "" {
		password = chargepoint.NewPassword()
	}
	cp := chargepoint.ChargePoint{Identity: r.Identity, StationID: r.StationID}
	for number, evse := range r.EVSEs {
		cp.Connectors = append(cp.Connectors, chargepoint.Connector{Number: number, EVSEID: evse})
	}
	err = with(ctx, cfg, func(store *postgres.Store) error {
		cp, err := store.CreateChargePoint(ctx, cp, chargepoint.NewSecret(password))
		out = show(cp)
		return err
	})
	return out, password, err
}

// ListChargePoints gives up to limit charge points, in order of id.
func ListChargePoints(ctx context.Context, cfg Config, limit int) (out []ChargePoint, err error) {
	err = with(ctx, cfg, func(store *postgres.Store) error {
		found, err := store.ListChargePoints(ctx, chargepoint.Selection{Limit: limit})
		for _, cp := range found {
			out = append(out, show(cp))
		}
		return err
	})
	return out, err
}

// ListSessions gives up to limit sessions in any of the states (all, when none is named), newest first.
func ListSessions(ctx context.Context, cfg Config, states []string, limit int) (out []Session, err error) {
	err = with(ctx, cfg, func(store *postgres.Store) error {
		found, err := store.ListSessions(ctx, access.Selection{States: states, Limit: limit})
		for _, s := range found {
			line := Session{
				ID: s.ID, PlotID: s.PlotID, State: string(s.State), Reason: s.Reason, StartedAt: s.StartedAt, EndedAt: s.EndedAt,
			}
			if s.EnergyWh != nil {
				line.EnergyKWh = *s.EnergyWh / 1000
			}
			out = append(out, line)
		}
		return err
	})
	return out, err
}

func show(cp chargepoint.ChargePoint) ChargePoint {
	out := ChargePoint{ID: cp.ID, Identity: cp.Identity, StationID: cp.StationID, Connected: cp.Connected(), LastSeenAt: cp.LastSeenAt}
	if cp.Boot != nil {
		out.Model = cp.Boot.Vendor + " " + cp.Boot.Model
	}
	return out
}

// ImportReport says what became of a file of finished sessions.
type ImportReport = importer.Report

// ImportSessions imports finished sessions of every operator, as POST /v1/sessions/import does for callers. progress is told how many of
// the rows are stored.
func ImportSessions(ctx context.Context, cfg Config, format string, file io.Reader, progress func(done, of int)) (out ImportReport, err error) {
	cfg.Postgres.StatementTimeout = importStatement
	err = with(ctx, cfg, func(store *postgres.Store) error {
		out, err = importer.Import(ctx, store, format, file, time.Now(), func(uuid.UUID) bool { return true }, progress)
		return err
	})
	return out, err
}

// importStatement is how long one statement of an import may take.
const importStatement = time.Minute
