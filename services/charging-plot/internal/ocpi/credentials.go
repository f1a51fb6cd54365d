package ocpi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/roaming"
)

// Credentials are how one reaches the other, and who that is.
type Credentials struct {
	Token string            `json:"token"`
	URL   string            `json:"url"`
	Roles []CredentialsRole `json:"roles"`
}

// CredentialsRole is a party and what it is.
type CredentialsRole struct {
	Role            string          `json:"role"`
	BusinessDetails BusinessDetails `json:"business_details"`
	PartyID         string          `json:"party_id"`
	CountryCode     string          `json:"country_code"`
}

// BusinessDetails names a company.
type BusinessDetails struct {
	Name string `json:"name"`
}

var (
	errRegistered    = fault.Define(fault.MethodNotAllowed, "already_registered", "You have registered already: PUT changes it")
	errNotRegistered = fault.Define(fault.MethodNotAllowed, "not_registered", "You have not registered yet: POST does")
	errUnusable      = ocpi.As(fault.Define(fault.Unprocessable, "partner_unusable", "Your own API could not be used"), ocpi.UnusableClient)
	errVersion       = ocpi.As(fault.Define(fault.Unprocessable, "no_common_version", "You do not speak OCPI "+ocpi.Version), ocpi.UnsupportedVersion)
	errRotate        = fault.Define(fault.Unavailable, "key_not_rotated", "Your key could not be exchanged at the moment")
)

const maxCredentialsToken = 64

var (
	tokenPattern   = regexp.MustCompile(`^[!-~]{1,64}$`)
	countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)
	partyPattern   = regexp.MustCompile(`^[A-Z0-9]{3}$`)
	roles          = []string{"CPO", "EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP"}
)

// own are our credentials, with the key that the partner is to use from now on.
func (a *API) own(ctx context.Context, key string) (Credentials, error) {
	ours, err := a.Partners.OwnRoles(ctx, nil)
	out := Credentials{Token: key, URL: a.Origin + ocpi.Versions, Roles: []CredentialsRole{}}
	for _, r := range ours {
		out.Roles = append(out.Roles, CredentialsRole{r.Role, BusinessDetails{ocpi.Cut(r.Name, 100)}, r.PartyID, r.CountryCode})
	}
	return out, err
}

// presented is the key that the caller came with.
func presented(c *fiber.Ctx) string {
	if key, ok := ocpi.Token(c.Get(fiber.HeaderAuthorization)); ok {
		return key
	}
	return c.Get(authn.HeaderAPIKey)
}

func (a *API) getCredentials(c *fiber.Ctx) error {
	if _, err := key(c); err != nil {
		return err
	}
	out, err := a.own(c.UserContext(), presented(c))
	if err != nil {
		return err
	}
	return ocpi.Write(c, http.StatusOK, out)
}

func (a *API) postCredentials(c *fiber.Ctx) error {
	id, err := key(c)
	if err != nil {
		return err
	}
	if _, err := a.Partners.Partner(c.UserContext(), id); !errors.Is(err, roaming.ErrUnknown) {
		return errors.Join(err, errRegistered)
	}
	return a.register(c, id)
}

func (a *API) putCredentials(c *fiber.Ctx) error {
	id, err := registered(a, c)
	if err != nil {
		return err
	}
	return a.register(c, id)
}

// deleteCredentials ends a registration, and with it the key: nobody is told the next one.
func (a *API) deleteCredentials(c *fiber.Ctx) error {
	id, err := registered(a, c)
	if err != nil {
		return err
	}
	if _, err := a.Rotate(c.UserContext(), presented(c)); err != nil {
		return errRotate.Because(err)
	}
	if err := a.Partners.RemovePartner(c.UserContext(), id); err != nil {
		return err
	}
	return ocpi.Write(c, http.StatusOK, nil)
}

func registered(a *API, c *fiber.Ctx) (uuid.UUID, error) {
	id, err := key(c)
	if err != nil {
		return id, err
	}
	if _, err := a.Partners.Partner(c.UserContext(), id); err != nil {
		if errors.Is(err, roaming.ErrUnknown) {
			return id, errNotRegistered
		}
		return id, err
	}
	return id, nil
}

// register looks at the partner's versions and modules, keeps how to reach it, and answers with a new key in place of the one presented.
func (a *API) register(c *fiber.Ctx, id uuid.UUID) error {
	ctx := c.UserContext()
	var in Credentials
	if err := read(c, &in); err != nil {
		return err
	}
	p, err := a.judge(in)
	if err != nil {
		return err
	}
	if p.Endpoints, err = a.explore(ctx, in); err != nil {
		return err
	}
	p.ID, p.Token = id, string(a.vault.Seal(id, []byte(in.Token)))
	next := ""
	err = a.Partners.PutPartner(ctx, p, func(ctx context.Context) error {
		if next, err = a.Rotate(ctx, presented(c)); err != nil {
			return errRotate.Because(err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	out, err := a.own(ctx, next)
	if err != nil {
		return err
	}
	return ocpi.Write(c, http.StatusOK, out)
}

// judge reads credentials, or says what is wrong with them.
func (a *API) judge(in Credentials) (roaming.Partner, error) {
	var wrong []fault.Field
	bad := func(pointer, detail string) {
		wrong = append(wrong, fault.Field{Pointer: pointer, Code: "format", Detail: detail})
	}
	if !tokenPattern.MatchString(in.Token) {
		bad("/token", fmt.Sprintf("must be at most %d characters of ASCII without spaces", maxCredentialsToken))
	}
	if err := a.CheckURL(in.URL); err != nil {
		bad("/url", "must be an address on the internet")
	}
	if len(in.Roles) == 0 {
		bad("/roles", "must not be empty")
	}
	out := roaming.Partner{URL: in.URL}
	for i, r := range in.Roles {
		country, party := strings.ToUpper(r.CountryCode), strings.ToUpper(r.PartyID)
		if !slices.Contains(roles, r.Role) || !countryPattern.MatchString(country) || !partyPattern.MatchString(party) || r.BusinessDetails.Name == "" {
			bad(fmt.Sprintf("/roles/%d", i), "must have a role, a country_code, a party_id and a name")
		}
		out.Roles = append(out.Roles, roaming.Role{Role: r.Role, CountryCode: country, PartyID: party, Name: ocpi.Cut(r.BusinessDetails.Name, 100)})
	}
	if len(wrong) > 0 {
		return out, errBody.Detailf("%s %s", wrong[0].Pointer, wrong[0].Detail).At(wrong...)
	}
	return out, nil
}

// explore finds a partner's modules of our version.
func (a *API) explore(ctx context.Context, in Credentials) ([]roaming.Endpoint, error) {
	var versions []struct{ Version, URL string }
	if err := a.fetch(ctx, in.URL, in.Token, &versions); err != nil {
		return nil, errUnusable.Detailf("%s", err).Because(err)
	}
	for _, v := range versions {
		if v.Version != ocpi.Version {
			continue
		}
		var details struct {
			Endpoints []roaming.Endpoint `json:"endpoints"`
		}
		if err := a.fetch(ctx, v.URL, in.Token, &details); err != nil {
			return nil, errUnusable.Detailf("%s", err).Because(err)
		}
		return details.Endpoints, nil
	}
	return nil, errVersion
}

// fetch reads an object of a partner's. Its errors are for the partner to read.
func (a *API) fetch(ctx context.Context, url, partnerToken string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("%q is not an address", url)
	}
	sign(request, partnerToken, "")
	answer, err := a.Client.Do(request)
	if err != nil {
		return fmt.Errorf("%s could not be reached", url)
	}
	defer answer.Body.Close()
	var told struct {
		Data       json.RawMessage `json:"data"`
		StatusCode ocpi.Status     `json:"status_code"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d, and not as OCPI does", url, answer.StatusCode)
	}
	if told.StatusCode != ocpi.Success || string(told.Data) == "null" || json.Unmarshal(told.Data, into) != nil {
		return fmt.Errorf("%s answered the status code %d, and not what was asked for", url, told.StatusCode)
	}
	return nil
}
