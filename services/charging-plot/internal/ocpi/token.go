package ocpi

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// Token is a token as a partner tells it.
type Token struct {
	CountryCode  string    `json:"country_code"`
	PartyID      string    `json:"party_id"`
	UID          string    `json:"uid"`
	Type         string    `json:"type"`
	ContractID   string    `json:"contract_id"`
	VisualNumber string    `json:"visual_number,omitempty"`
	Issuer       string    `json:"issuer"`
	GroupID      string    `json:"group_id,omitempty"`
	Valid        bool      `json:"valid"`
	Whitelist    string    `json:"whitelist"`
	Language     string    `json:"language,omitempty"`
	LastUpdated  ocpi.Time `json:"last_updated"`
}

// toTokenType is the type's word in 2.2.1, which has none for the contract of a plug-and-charge car.
func toTokenType(t token.Type) string {
	if t == token.EMAID {
		return string(token.Other)
	}
	return string(t)
}

func toToken(t token.Token) Token {
	return Token{
		CountryCode: t.Party.CountryCode, PartyID: t.Party.PartyID, UID: t.UID, Type: toTokenType(t.Type), ContractID: t.ContractID,
		VisualNumber: t.VisualNumber, Issuer: t.Issuer, GroupID: t.GroupID, Valid: t.Valid, Whitelist: string(t.Whitelist),
		Language: t.Language, LastUpdated: ocpi.Time(t.UpdatedAt),
	}
}

var (
	errNoToken = ocpi.As(token.ErrNotFound, ocpi.UnknownToken)

	tokenTypes = []token.Type{token.AdHocUser, token.AppUser, token.Other, token.RFID}
	whitelists = []token.Whitelist{token.Always, token.Allowed, token.AllowedOffline, token.Never}
)

// fromToken reads a token, or says what is wrong with it.
func fromToken(in Token) (token.Token, error) {
	var wrong []fault.Field
	text := func(name, value string, least, most int) {
		if len(value) < least || len(value) > most {
			wrong = append(wrong, fault.Field{Pointer: "/" + name, Code: "length", Detail: "is missing or too long"})
		}
	}
	text("uid", token.Key(in.UID), 1, 36)
	text("contract_id", in.ContractID, 1, 36)
	text("issuer", in.Issuer, 1, 64)
	text("visual_number", in.VisualNumber, 0, 64)
	text("group_id", in.GroupID, 0, 36)
	text("language", in.Language, 0, 2)
	if !slices.Contains(tokenTypes, token.Type(in.Type)) {
		wrong = append(wrong, fault.Field{Pointer: "/type", Code: "enum", Detail: "must be AD_HOC_USER, APP_USER, OTHER or RFID"})
	}
	if !slices.Contains(whitelists, token.Whitelist(in.Whitelist)) {
		wrong = append(wrong, fault.Field{Pointer: "/whitelist", Code: "enum", Detail: "must be ALWAYS, ALLOWED, ALLOWED_OFFLINE or NEVER"})
	}
	if time.Time(in.LastUpdated).IsZero() {
		wrong = append(wrong, fault.Field{Pointer: "/last_updated", Code: "required", Detail: "is missing"})
	}
	if len(wrong) > 0 {
		return token.Token{}, errBody.Detailf("%s %s", wrong[0].Pointer, wrong[0].Detail).At(wrong...)
	}
	return token.Token{
		UID: in.UID, Type: token.Type(in.Type), Party: token.Party{CountryCode: in.CountryCode, PartyID: in.PartyID}, ContractID: in.ContractID,
		Issuer: in.Issuer, VisualNumber: in.VisualNumber, GroupID: in.GroupID, Language: in.Language, Valid: in.Valid,
		Whitelist: token.Whitelist(in.Whitelist), UpdatedAt: time.Time(in.LastUpdated).UTC(),
	}, nil
}

// named is the party and the uid of the path. A party that the caller does not stand for has no tokens that it could see.
func (a *API) named(c *fiber.Ctx) (party token.Party, uid string, err error) {
	p, err := a.partner(c)
	if err != nil {
		return party, "", err
	}
	party = token.Party{CountryCode: strings.ToUpper(c.Params("country_code")), PartyID: strings.ToUpper(c.Params("party_id"))}
	if !p.Speaks(party) {
		return party, "", errNoToken
	}
	return party, c.Params("token_uid"), nil
}

// known gives the token of the path, of the type that the query names.
func (a *API) known(c *fiber.Ctx) (token.Token, error) {
	party, uid, err := a.named(c)
	if err != nil {
		return token.Token{}, err
	}
	t, err := a.Tokens.PartnerToken(c.UserContext(), party, uid)
	if errors.Is(err, token.ErrNotFound) || err == nil && toTokenType(t.Type) != c.Query("type", string(token.RFID)) {
		return t, errNoToken
	}
	return t, err
}

func (a *API) getToken(c *fiber.Ctx) error {
	t, err := a.known(c)
	if err != nil {
		return err
	}
	return ocpi.Write(c, http.StatusOK, toToken(t))
}

func (a *API) putToken(c *fiber.Ctx) error {
	party, uid, err := a.named(c)
	if err != nil {
		return err
	}
	in := Token{}
	if err := read(c, &in); err != nil {
		return err
	}
	return a.store(c, party, uid, in)
}

// patchToken changes what the body names of a token.
func (a *API) patchToken(c *fiber.Ctx) error {
	before, err := a.known(c)
	if err != nil {
		return err
	}
	in := toToken(before)
	in.LastUpdated = ocpi.Time{} // it must say when
	if err := read(c, &in); err != nil {
		return err
	}
	return a.store(c, before.Party, before.UID, in)
}

func (a *API) store(c *fiber.Ctx, party token.Party, uid string, in Token) error {
	same := strings.EqualFold(in.CountryCode, party.CountryCode) && strings.EqualFold(in.PartyID, party.PartyID) && strings.EqualFold(in.UID, uid)
	if !same || !strings.EqualFold(in.Type, c.Query("type", string(token.RFID))) {
		return errBody.Detailf("the path names another token than the body").At(
			fault.Field{Pointer: "/uid", Code: "contradiction", Detail: "must be the token of the path"})
	}
	in.CountryCode, in.PartyID = party.CountryCode, party.PartyID
	t, err := fromToken(in)
	if err != nil {
		return err
	}
	fresh, err := a.Tokens.PutPartnerToken(c.UserContext(), t)
	if err != nil {
		return err
	}
	if fresh {
		return ocpi.Write(c, http.StatusCreated, nil)
	}
	return ocpi.Write(c, http.StatusOK, nil)
}
