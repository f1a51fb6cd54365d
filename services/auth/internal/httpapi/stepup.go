package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
)

// SecondFactors knows who has a second factor.
type SecondFactors interface {
	HasSecondFactor(ctx context.Context, account uuid.UUID) (bool, error)
}

// errStepUp is returned for an operation that wants a newer or a surer proof than the token tells of (RFC 9470).
var errStepUp = fault.Define(fault.Unauthenticated, "step_up_required", "Prove again who you are").
	Detailf("Step up at /v1/auth/step-up, or log in again, and use the new access token.")

// proof is what an operation marked x-step-up wants.
type proof struct {
	maxAge       time.Duration
	alternatives [][]string // the scopes of the operation, which are asked for before
}

// proofsWanted returns the operations of the document, as "METHOD path", that are marked x-step-up.
func proofsWanted(spec *openapi3.T) (map[string]proof, error) {
	wanted := map[string]proof{}
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			mark, marked := op.Extensions["x-step-up"]
			if !marked {
				continue
			}
			one, err := readProof(mark, op)
			if err != nil {
				return nil, fmt.Errorf("the OpenAPI document: x-step-up of %s: %w", op.OperationID, err)
			}
			wanted[method+" "+openapi.FiberPath(path)] = one
		}
	}
	return wanted, nil
}

func readProof(mark any, op *openapi3.Operation) (proof, error) {
	raw, err := json.Marshal(mark)
	if err != nil {
		return proof{}, err
	}
	var read struct {
		MaxAge int `json:"max_age_s"`
	}
	if err := json.Unmarshal(raw, &read); err != nil {
		return proof{}, err
	}
	if read.MaxAge < 1 {
		return proof{}, fmt.Errorf("max_age_s is %d", read.MaxAge)
	}
	one := proof{maxAge: time.Duration(read.MaxAge) * time.Second}
	if op.Security == nil || len(*op.Security) == 0 {
		return proof{}, fmt.Errorf("the operation is open to all")
	}
	for _, requirement := range *op.Security {
		for scheme, scopes := range requirement {
			if scheme == "api_key" {
				return proof{}, fmt.Errorf("an API key has nothing to prove")
			}
			one.alternatives = append(one.alternatives, scopes)
		}
	}
	return one, nil
}

// permits reports whether the scopes would let the principal in: whoever may not at all is told that, not to step up.
func (p proof) permits(who authn.Principal) bool {
	return slices.ContainsFunc(p.alternatives, func(scopes []string) bool {
		return !slices.ContainsFunc(scopes, func(scope string) bool { return !who.Has(scope) })
	})
}

// demandProof lets a person through to an operation marked x-step-up whose last proof is young enough and, when the account has a
// second factor, was of two factors. Services have no more to prove than their secret; an API key is taken by none of these operations.
func demandProof(wanted map[string]proof, factors SecondFactors, now func() time.Time) fiber.Handler {
	return func(c *fiber.Ctx) error {
		want, marked := wanted[c.Method()+" "+c.Route().Path]
		if !marked {
			return c.Next()
		}
		who, known := authn.FromContext(c.UserContext())
		if !known || who.Kind == authn.Service || who.Key != uuid.Nil || !want.permits(who) {
			return c.Next() // the operation's own check has the answer
		}
		has, err := factors.HasSecondFactor(c.UserContext(), who.Subject)
		if err != nil {
			return err
		}
		level := authn.AAL1
		if has {
			level = authn.AAL2
		}
		young := who.SessionID != "" && now().Sub(who.AuthTime) <= want.maxAge
		if young && (who.ACR == authn.AAL2 || who.ACR == level) {
			return c.Next()
		}
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="ihr", error="insufficient_user_authentication", `+
			`error_description="Prove again who you are", acr_values="`+level+`", max_age=`+strconv.Itoa(int(want.maxAge/time.Second)))
		return errStepUp.With("acr_values", level).With("max_age_s", int(want.maxAge/time.Second))
	}
}
