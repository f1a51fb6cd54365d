package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// card registers a token of an owner.
func card(t *testing.T, w *postgrestest.World, uid string, owner func(*token.Token)) token.Token {
	t.Helper()
	k := token.Token{UID: uid, Type: token.RFID, ContractID: uid, Whitelist: token.Always, Valid: true}
	owner(&k)
	k, err := w.Store.CreateToken(t.Context(), uuid.New(), k)
	w.Must(err)
	return k
}

func ofDriver(id uuid.UUID) func(*token.Token)   { return func(k *token.Token) { k.DriverID = id } }
func ofOperator(id uuid.UUID) func(*token.Token) { return func(k *token.Token) { k.OperatorID = id } }

// tap has the charge point begin a transaction with a tag.
func tap(t *testing.T, w *postgrestest.World, site postgrestest.Site, connector int, tag string) (session.Session, chargepoint.TransactionStarted) {
	t.Helper()
	started, err := w.Store.StartTransaction(t.Context(), site.ChargePoint.ID, chargepoint.TransactionStart{
		Connector: connector, IDTag: tag, MeterWh: 1_000_000, At: w.Clock.Now(),
	}, w.Clock.Now())
	w.Must(err)
	found, err := w.Store.ListSessions(t.Context(), access.Selection{Plot: site.PlotIDs[connector-1], Limit: 1})
	w.Must(err)
	return found[0], started
}

func TestTagsAreAuthorized(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	home, away := w.Site(1), w.Site(1)
	card(t, w, "04:A2:2B:C3", ofDriver(uuid.New()))
	card(t, w, "0B0B0B0B", func(k *token.Token) { k.DriverID, k.Valid = uuid.New(), false })
	card(t, w, "0C0C0C0C", func(k *token.Token) { k.DriverID, k.Whitelist = uuid.New(), token.Never })
	card(t, w, "0E0E0E0E", ofOperator(home.Operator.ID))
	s := order(t, w, home.PlotIDs[0], uuid.New())
	for _, c := range []struct {
		site postgrestest.Site
		tag  string
		want chargepoint.Authorization
	}{
		{home, s.IDTag, chargepoint.Accepted},
		{away, s.IDTag, chargepoint.Invalid},
		{away, "04a22bc3", chargepoint.Accepted},
		{home, "0B0B0B0B", chargepoint.Blocked},
		{home, "0C0C0C0C", chargepoint.Blocked},
		{home, "0e0e0e0e", chargepoint.Accepted},
		{away, "0E0E0E0E", chargepoint.Blocked},
		{home, "FFFFFFFF", chargepoint.Invalid},
		{home, "", chargepoint.Invalid},
	} {
		if got, err := w.Store.Authorize(t.Context(), c.site.ChargePoint.ID, c.tag); err != nil || got != c.want {
			t.Errorf("%q is %s (%v), want %s", c.tag, got, err, c.want)
		}
	}
	w.Clock.Move(5 * time.Minute)
	if _, err := w.Store.TimeOutSessions(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Store.Authorize(t.Context(), home.ChargePoint.ID, s.IDTag); err != nil || got != chargepoint.Expired {
		t.Errorf("the tag of an order that was given up is %s (%v)", got, err)
	}
}

func TestACardBeginsASessionOfItsOwner(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, driver := w.Site(2), uuid.New()
	mine := card(t, w, "04A22BC3", ofDriver(driver))
	card(t, w, "0E0E0E0E", ofOperator(site.Operator.ID))

	s, started := tap(t, w, site, 1, "04a22bc3")
	if started.Authorization != chargepoint.Accepted || s.DriverID != driver || s.TokenID != mine.ID || s.Token == nil || s.Token.Type != token.RFID {
		t.Fatalf("the card was answered %+v and began %+v", started, s)
	}
	if again, answer := tap(t, w, site, 1, "04a22bc3"); again.ID != s.ID || answer != started {
		t.Errorf("said again, it was answered %+v", answer)
	}
	w.Clock.Move(time.Hour)
	stop(t, w, site, started.Transaction, 1_020_000)
	// Once more with the same card, and the token has changed in between.
	_, err := w.Store.ChangeToken(t.Context(), mine.ID, func(k token.Token) (token.Token, error) {
		k.ContractID = "ANOTHER"
		return k, nil
	})
	w.Must(err)
	w.Report(site, 1, chargepoint.Available)
	w.Clock.Move(time.Minute)
	second, _ := tap(t, w, site, 1, "04A22BC3")
	if second.ID == s.ID || second.Token.ContractID != "ANOTHER" {
		t.Errorf("the second session is %+v", second)
	}
	cdr, err := w.Store.GetCDR(t.Context(), s.ID)
	if err != nil || cdr.DriverID != driver || cdr.TotalInclTax != "5.50" || cdr.Token.ContractID != "04A22BC3" {
		t.Errorf("the receipt is %+v (%v)", cdr, err)
	}

	theirs, started := tap(t, w, site, 2, "0E0E0E0E")
	if theirs.DriverID != uuid.Nil || !theirs.Known() || started.Authorization != chargepoint.Accepted {
		t.Errorf("an operator's card began %+v", theirs)
	}
	w.Clock.Move(time.Hour)
	stop(t, w, site, started.Transaction, 1_040_000)
	if done := get(t, w, theirs.ID); done.State != session.Completed {
		t.Errorf("it ended %s", done.State)
	}
	if cdr, err := w.Store.GetCDR(t.Context(), theirs.ID); err != nil || cdr.TotalInclTax != "11.00" || cdr.DriverID != uuid.Nil {
		t.Errorf("its receipt is %+v (%v)", cdr, err)
	}
}

func TestACardBeginsWhatItsDriverOrdered(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, driver := w.Site(1), uuid.New()
	card(t, w, "04A22BC3", ofDriver(driver))
	ordered := order(t, w, site.PlotIDs[0], driver)
	w.Clock.Move(time.Second)
	s, _ := tap(t, w, site, 1, "04A22BC3")
	if s.ID != ordered.ID || s.State != session.Active || s.Token == nil {
		t.Errorf("the card began %+v, ordered was %s", s, ordered.ID)
	}
}

// A thief who knows what is printed on somebody's card registers it first, and gains nothing.
func TestACardIsWhoeverShowsIt(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, driver, thief := w.Site(2), uuid.New(), uuid.New()
	typed := func(id uuid.UUID) func(*token.Token) {
		return func(k *token.Token) { k.DriverID, k.Unproven = id, true }
	}
	stolen := card(t, w, "04A22BC3", typed(thief))
	again := token.Token{UID: "04a2:2bc3", Type: token.RFID, DriverID: thief, Whitelist: token.Always, Valid: true, Unproven: true}
	if _, err := w.Store.CreateToken(t.Context(), thief, again); !errors.Is(err, token.ErrTaken) {
		t.Errorf("typed in twice: %v", err)
	}
	mine := card(t, w, "04A22BC3", typed(driver))
	authorized := func(want chargepoint.Authorization) {
		t.Helper()
		if got, err := w.Store.Authorize(t.Context(), site.ChargePoint.ID, "04:A2:2B:C3"); err != nil || got != want {
			t.Errorf("the card is %s (%v), want %s", got, err, want)
		}
	}
	authorized(chargepoint.Invalid)
	if s, started := tap(t, w, site, 2, "04A22BC3"); s.Known() || started.Authorization != chargepoint.Invalid {
		t.Errorf("before anybody has shown it, the card began %+v", s)
	}
	ordered := order(t, w, site.PlotIDs[0], driver)
	authorized(chargepoint.Accepted)
	w.Clock.Move(time.Second)
	if s, started := tap(t, w, site, 1, "04A22BC3"); s.ID != ordered.ID || s.TokenID != mine.ID || started.Authorization != chargepoint.Accepted {
		t.Errorf("the driver's card began %+v, ordered was %s", s, ordered.ID)
	}
	authorized(chargepoint.Accepted)
	if k, err := w.Store.GetToken(t.Context(), mine.ID); err != nil || k.Unproven || k.Version != 2 {
		t.Errorf("shown, the token is %+v (%v)", k, err)
	}
	// Whoever comes later is too late, by a word as well as by an order.
	_, err := w.Store.ChangeToken(t.Context(), stolen.ID, func(k token.Token) (token.Token, error) {
		k.Unproven = false
		return k, nil
	})
	if !errors.Is(err, token.ErrTaken) {
		t.Errorf("the thief's is taken for shown: %v", err)
	}
	other := w.Site(1)
	order(t, w, other.PlotIDs[0], thief)
	w.Clock.Move(time.Second)
	if s, _ := tap(t, w, other, 1, "04A22BC3"); s.DriverID != driver {
		t.Errorf("where the thief has ordered, the card began a charge of %s", s.DriverID)
	}
	again.DriverID = uuid.New()
	if _, err := w.Store.CreateToken(t.Context(), again.DriverID, again); !errors.Is(err, token.ErrTaken) {
		t.Errorf("typed in after it was shown: %v", err)
	}
}

func TestACardDoesNotTakeWhatIsReserved(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, driver := w.Site(1), uuid.New()
	card(t, w, "04A22BC3", ofDriver(uuid.New()))
	_, err := w.Reserve(t.Context(), site.PlotIDs[0], driver, time.Hour)
	w.Must(err)
	w.Clock.Move(time.Minute)
	if s, started := tap(t, w, site, 1, "04A22BC3"); s.Known() || started.Authorization != chargepoint.Invalid {
		t.Errorf("on somebody's reserved plot the card was answered %+v and began %+v", started, s)
	}
}

func TestTokensAreRegisteredOnce(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	first := card(t, w, "04A22BC3", ofDriver(uuid.New()))
	twice := token.Token{UID: "04:a2:2b:c3", Type: token.RFID, DriverID: uuid.New(), Whitelist: token.Always, Valid: true}
	if _, err := w.Store.CreateToken(t.Context(), uuid.New(), twice); !errors.Is(err, token.ErrTaken) {
		t.Errorf("registered twice: %v", err)
	}
	w.Must(w.Store.DeleteToken(t.Context(), first.ID, func(token.Token) error { return nil }))
	if _, err := w.Store.GetToken(t.Context(), first.ID); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("after it was removed: %v", err)
	}
	if _, err := w.Store.CreateToken(t.Context(), uuid.New(), twice); err != nil {
		t.Errorf("registered again: %v", err)
	}
}

func TestAChargePointIsToldWhomItMayMeet(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	guest, issued := card(t, w, "04A22BC3", ofDriver(uuid.New())), card(t, w, "0E0E0E0E", ofOperator(site.Operator.ID))
	card(t, w, "0F0F0F0F", ofDriver(uuid.New()))   // has never been there
	card(t, w, "0D0D0D0D", ofOperator(uuid.New())) // another operator's
	card(t, w, "0C0C0C0C", func(k *token.Token) { k.OperatorID, k.Valid = site.Operator.ID, false })
	tap(t, w, site, 1, guest.UID)
	list, err := w.Store.LocalTokens(t.Context(), site.ChargePoint.ID, 10)
	if err != nil || len(list) != 2 || list[0].ID != issued.ID || list[1].ID != guest.ID {
		t.Errorf("the local list is %+v (%v)", list, err)
	}
}
