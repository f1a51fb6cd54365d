// Package ocpi speaks OCPI 2.2.1 with the network's partners: as the sender of sessions and CDRs, which are pushed to those that have a
// receiver for them, as the receiver of tokens and commands, and in the handshake by which a partner registers. The catalogue's modules are station-catalog's.
//
// A partner's key is a key of auth with the scope `ocpi` that an administrator made. It opens the credentials module alone until the
// partner has registered: then the key that was presented is rotated, and the new one is the partner's.
package ocpi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/libs/policy"
	"github.com/ihr-charging/charging-plot-api/libs/seal"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/roaming"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// Lists are what partners read.
type Lists interface {
	Charges(ctx context.Context, span roaming.Span) ([]roaming.Charge, int, error)
	Bills(ctx context.Context, span roaming.Span) ([]session.CDR, int, error)
}

// Tokens are the partners' tokens.
type Tokens interface {
	PartnerToken(ctx context.Context, party token.Party, uid string) (token.Token, error)
	PutPartnerToken(ctx context.Context, t token.Token) (fresh bool, err error)
}

// Partners are who has registered.
type Partners interface {
	Partner(ctx context.Context, id uuid.UUID) (roaming.Partner, error)
	PutPartner(ctx context.Context, p roaming.Partner, then func(ctx context.Context) error) error
	RemovePartner(ctx context.Context, id uuid.UUID) error
	OwnRoles(ctx context.Context, operator *uuid.UUID) ([]roaming.Role, error)
}

// Places are what commands act on.
type Places interface {
	OutletsAt(ctx context.Context, station uuid.UUID, evse *uuid.UUID) ([]roaming.Outlet, error)
	ChargedAt(ctx context.Context, parties []token.Party, evse uuid.UUID, since time.Time) (bool, error)
	GetSession(ctx context.Context, id uuid.UUID) (session.Session, error)
}

// Reservations are what partners reserve.
type Reservations interface {
	CreateReservation(ctx context.Context, r reservation.Reservation) (reservation.Reservation, error)
	ChangeReservation(ctx context.Context, id uuid.UUID, change reservation.Change) (reservation.Reservation, error)
	PartnerReservation(ctx context.Context, parties []token.Party, name string) (uuid.UUID, error)
	NameReservation(ctx context.Context, party token.Party, name string, id uuid.UUID) error
}

// Desk starts and stops charges, and tells what came of it.
type Desk interface {
	OrderAndTell(ctx context.Context, order session.Order, tell func(reason string)) (session.Session, error)
	Stop(ctx context.Context, id uuid.UUID) (session.Session, error)
}

// Config is what the API stands on.
type Config struct {
	Lists        Lists
	Tokens       Tokens
	Partners     Partners
	Pushes       Pushes
	Places       Places
	Reservations Reservations
	Terms        reservation.Terms
	Desk         Desk
	Commands     chargepoint.Commander
	// Client calls partners: it reaches the public internet alone.
	Client *http.Client
	// CheckURL judges an address that a partner names.
	CheckURL func(url string) error
	// Rotate exchanges a key for the next one, and ends it.
	Rotate func(ctx context.Context, key string) (next string, err error)
	// Secrets is the key that partners' tokens are sealed under.
	Secrets []byte
	// Origin is the address under which partners reach the product.
	Origin string
	// CommandTimeout is how long a charge point may take to answer.
	CommandTimeout time.Duration
	Now            func() time.Time
	Log            *slog.Logger
}

// API answers partners.
type API struct {
	Config

	vault seal.Box
	// running are the commands that were taken and not told of yet.
	running sync.WaitGroup
}

// New makes the API.
func New(cfg Config) *API { return &API{Config: cfg, vault: seal.New(cfg.Secrets, "partners' tokens")} }

// Wait returns when every command that was taken has been told of.
func (a *API) Wait() { a.running.Wait() }

// Most objects of a page.
const maxPage = 200

// Register puts the modules on a router, behind the document's checks and whatever comes before those.
func (a *API) Register(app fiber.Router, document *openapi.Document, before ...fiber.Handler) {
	router := document.Router(app, before...)
	router.Get(ocpi.Root+"/credentials", a.getCredentials)
	router.Post(ocpi.Root+"/credentials", a.postCredentials)
	router.Put(ocpi.Root+"/credentials", a.putCredentials)
	router.Delete(ocpi.Root+"/credentials", a.deleteCredentials)
	router.Get(ocpi.Root+"/sessions", a.sessions)
	router.Get(ocpi.Root+"/cdrs", a.cdrs)
	router.Get(ocpi.Root+"/tokens/:country_code/:party_id/:token_uid", a.getToken)
	router.Put(ocpi.Root+"/tokens/:country_code/:party_id/:token_uid", a.putToken)
	router.Patch(ocpi.Root+"/tokens/:country_code/:party_id/:token_uid", a.patchToken)
	router.Post(ocpi.Root+"/commands/:command", a.command)
}

var (
	errNoPartner = fault.Define(fault.Forbidden, "not_a_partner", "Only a key that an administrator made speaks for a partner")
	errBody      = fault.Define(fault.Invalid, "invalid_body", "The object is not valid")
)

// key is the id of the key that the caller came with; a caller without one, or with one that does not reach everybody, is no partner.
func key(c *fiber.Ctx) (uuid.UUID, error) {
	p, _ := authn.FromContext(c.UserContext())
	if p.Reach(policy.OCPI) != policy.All || p.Key == uuid.Nil {
		return uuid.Nil, errNoPartner
	}
	return p.Key, nil
}

// partner is who calls. It returns roaming.ErrUnknown for a key whose partner has not registered.
func (a *API) partner(c *fiber.Ctx) (roaming.Partner, error) {
	id, err := key(c)
	if err != nil {
		return roaming.Partner{}, err
	}
	return a.registeredPartner(c.UserContext(), id)
}

// registeredPartner gives a partner with its token as it is sent.
func (a *API) registeredPartner(ctx context.Context, id uuid.UUID) (roaming.Partner, error) {
	p, err := a.Partners.Partner(ctx, id)
	if err != nil {
		return p, err
	}
	plain, err := a.vault.Open(p.ID, []byte(p.Token))
	p.Token = string(plain)
	return p, err
}

// span is the part of a list that a partner asks for.
func (a *API) span(c *fiber.Ctx) (roaming.Span, ocpi.Page, error) {
	p, err := a.partner(c)
	if err != nil {
		return roaming.Span{}, ocpi.Page{}, err
	}
	page, err := ocpi.ReadPage(c, maxPage)
	return roaming.Span{Parties: p.Parties(), From: page.From, To: page.To, Offset: page.Offset, Limit: page.Limit}, page, err
}

// read reads the body into an object.
func read(c *fiber.Ctx, into any) error {
	if err := json.Unmarshal(c.Body(), into); err != nil {
		return errBody.Detailf("%s", err).Because(err)
	}
	return nil
}
