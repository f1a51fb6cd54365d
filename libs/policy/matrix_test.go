package policy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/libs/policy"
)

var (
	me, somebody = uuid.MustParse("0190f0a0-0000-7000-8000-00000000000a"), uuid.MustParse("0190f0a0-0000-7000-8000-00000000000b")
	north, south = uuid.MustParse("0190f0a0-0000-7000-8000-00000000000c"), uuid.MustParse("0190f0a0-0000-7000-8000-00000000000d")
)

// documents are the contracts of all services, as they are.
func documents(t *testing.T) map[string]*openapi.Document {
	t.Helper()
	files, err := filepath.Glob("../../api/openapi/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("the contracts are not there: %v, %v", files, err)
	}
	all := map[string]*openapi.Document{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if all[filepath.Base(file)], err = openapi.Load(text); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// Programs may do what people may: whatever takes an access token takes an API key, but for auth, which says where.
func TestWhateverTakesATokenTakesAnAPIKey(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"charging-plot", "station-catalog"} {
		spec, err := openapi3.NewLoader().LoadFromFile("../../api/openapi/" + service + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		for path, item := range spec.Paths.Map() {
			for method, op := range item.Operations() {
				scopes := map[string][][]string{}
				for _, requirement := range *op.Security {
					for scheme, wanted := range requirement {
						scopes[scheme] = append(scopes[scheme], wanted)
					}
				}
				if diff := cmp.Diff(scopes["bearer"], scopes["api_key"]); diff != "" {
					t.Errorf("%s %s: tokens and keys differ: %s", method, path, diff)
				}
			}
		}
	}
}

// someone is who calls, and what the oracle is told about them.
type someone struct {
	name      string
	anonymous bool
	principal authn.Principal
}

// everyone is an anonymous caller, people with each set of roles in no, one or the other operator, with all that their roles give
// and with an API key that has some of it, and services with each single scope.
func everyone() []someone {
	all := []someone{{name: "anonymous", anonymous: true}}
	roles := policy.Roles()
	for set := range 1 << len(roles) {
		var names, scopes []string
		for i, role := range roles {
			if set&(1<<i) != 0 {
				names = append(names, string(role))
				scopes = append(scopes, policy.ScopesOf(role)...)
			}
		}
		for _, operator := range []uuid.UUID{uuid.Nil, north, south} {
			whole := authn.Principal{Kind: authn.User, Subject: me, SessionID: "s", Roles: names, Operator: operator, Scopes: scopes}
			all = append(all, someone{name: fmt.Sprintf("%v@%.8s", names, operator), principal: whole})
			narrow := whole
			narrow.Scopes, narrow.Key = nil, somebody
			for i, scope := range scopes {
				if i%2 == set%2 {
					narrow.Scopes = append(narrow.Scopes, scope)
				}
			}
			all = append(all, someone{name: fmt.Sprintf("key of %v@%.8s", names, operator), principal: narrow})
		}
	}
	for _, scope := range policy.Scopes() {
		all = append(all, someone{name: "service " + scope, principal: authn.Principal{Kind: authn.Service, Subject: me, Scopes: []string{scope}}})
	}
	return all
}

// rows are all relations of a row to the caller.
func rows() []policy.Row {
	var all []policy.Row
	for _, owner := range []uuid.UUID{uuid.Nil, me, somebody} {
		for _, operator := range []uuid.UUID{uuid.Nil, north, south} {
			all = append(all, policy.Row{Owner: owner, Operator: operator})
		}
	}
	return all
}

// verdict is what a caller is answered.
type verdict string

const (
	absent          verdict = "405 or 404"
	unauthenticated verdict = "401"
	forbidden       verdict = "403"
	hidden          verdict = "404 for this row"
	allowed         verdict = "allowed"
)

// decide is the product: the contract's check, then the policy on the row.
func decide(d *openapi.Document, method, path string, who someone, row policy.Row) verdict {
	scopes, err := d.Judge(method, path, who.principal, !who.anonymous)
	switch {
	case errors.Is(err, openapi.ErrNoOperation):
		return absent
	case errors.Is(err, openapi.ErrUnauthenticated):
		return unauthenticated
	case err != nil:
		return forbidden
	}
	for _, scope := range scopes {
		if !who.principal.May(scope, row) {
			return hidden
		}
	}
	return allowed
}

// security is what the oracle knows of an operation.
type security struct {
	said  bool
	open  bool
	needs [][]string // alternatives
	keys  [][]string // the same for API keys
}

// read reads the contract by the oracle's own means: as JSON, not as the product compiles it.
func read(t *testing.T, d *openapi.Document) map[string]security {
	t.Helper()
	var contract struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(d.JSON(), &contract); err != nil {
		t.Fatal(err)
	}
	all := map[string]security{}
	for path, item := range contract.Paths {
		for method, raw := range item {
			if method == "parameters" || strings.HasPrefix(method, "x-") {
				continue
			}
			var op struct {
				Security *[]map[string][]string
			}
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			s := security{said: true}
			if op.Security == nil {
				t.Errorf("%s %s says nothing about who may use it", method, path)
			} else {
				s.open = len(*op.Security) == 0
				for _, requirement := range *op.Security {
					if len(requirement) == 0 {
						s.open = true
					}
					for scheme, scopes := range requirement {
						switch scheme {
						case "bearer":
							s.needs = append(s.needs, scopes)
						case "api_key":
							s.keys = append(s.keys, scopes)
						}
					}
				}
			}
			all[strings.ToUpper(method)+" "+path] = s
		}
	}
	return all
}

// oracle says what ought to be answered. It shares no code with the product: it is written from the sentences about who may do
// what, not from the table.
func oracle(s security, who someone, row policy.Row) verdict {
	p := who.principal
	switch {
	case !s.said:
		return absent
	case s.open:
		return allowed
	case who.anonymous:
		return unauthenticated
	}
	alternatives := s.needs
	if p.Key != uuid.Nil {
		alternatives = s.keys
	}
	at := slices.IndexFunc(alternatives, func(needs []string) bool {
		return !slices.ContainsFunc(needs, func(need string) bool { return !slices.Contains(p.Scopes, need) })
	})
	if at < 0 {
		return forbidden // also with a bearer token where a client proves itself otherwise
	}
	for _, need := range alternatives[at] {
		if !reaches(need, p, row) {
			return hidden
		}
	}
	return allowed
}

func reaches(need string, p authn.Principal, row policy.Row) bool {
	is := func(role string) bool { return slices.Contains(p.Roles, role) }
	mine := row.Owner == p.Subject
	myOperators := mine || p.Operator != uuid.Nil && row.Operator == p.Operator
	worksThere, runsIt := is("operator") || is("operator_admin"), is("operator_admin")
	area, _, _ := strings.Cut(need, ":")
	switch {
	case p.Kind == authn.Service:
		return true // it was given the scope for just this
	case need == "profile", need == "reservations:write", need == "reviews:write", need == "photos:write", need == "reports:write", need == "suggestions:write":
		return mine // one's account, reservations, reviews, photos, reports and suggestions are nobody else's to change, not even an administrator's
	case is("admin"):
		return true
	case need == "reviews:moderate":
		return is("moderator")
	case need == "stations:merge", need == "reports:handle", need == "suggestions:decide":
		return is("moderator") || worksThere && myOperators
	case area == "reservations", area == "sessions":
		return mine || worksThere && myOperators
	case area == "users":
		return need == "users:read" && runsIt && myOperators
	case area == "staff":
		return runsIt && myOperators
	case slices.Contains([]string{"stations", "imports", "tariffs", "plots", "charge-points", "webhooks", "ocpi"}, area):
		return worksThere && myOperators
	default:
		return false // audit, feeds: administrators and services
	}
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// run compares product and oracle: for each route and method with one in so many of the callers, others each time. Of the
// disagreements it reports the first few.
func run(t *testing.T, oneIn, report int) (cases, wrong int) {
	t.Helper()
	callers, relations := everyone(), rows()
	turn := 0
	for name, d := range documents(t) {
		contract := read(t, d)
		paths := map[string]bool{}
		for operation := range contract {
			_, path, _ := strings.Cut(operation, " ")
			paths[path] = true
		}
		for path := range paths {
			for _, method := range methods {
				said := contract[method+" "+path]
				turn++
				for i, who := range callers {
					if (i+turn)%oneIn != 0 {
						continue
					}
					for _, row := range relations {
						cases++
						want, got := oracle(said, who, row), decide(d, method, path, who, row)
						if want == got {
							continue
						}
						if wrong++; wrong <= report {
							t.Errorf("%s: %s %s by %s of a row of %.8s in %.8s: %s, and the oracle says %s", name, method, path, who.name, row.Owner, row.Operator, got, want)
						}
					}
				}
			}
		}
	}
	return cases, wrong
}

// A1: roles × operators × routes × methods × ownership, on the contracts as they are. A new scope wants a line in the policy and,
// by somebody who thinks again, one in the oracle.
//
// POLICY_MATRIX=full takes every caller to every route. It does not run beside the next one, which spoils the policy for a moment.
func TestMatrix(t *testing.T) { //nolint:paralleltest // see above
	oneIn := 4 // every caller meets a quarter of the routes
	if os.Getenv("POLICY_MATRIX") == "full" {
		oneIn = 1
	}
	cases, wrong := run(t, oneIn, 20)
	t.Logf("%d cases, %d disagreements", cases, wrong)
	if cases < 100_000 {
		t.Errorf("%d cases are not enough", cases)
	}
}

// The matrix would notice a policy that is wrong.
func TestMatrixCatchesMutants(t *testing.T) { //nolint:paralleltest // it spoils the policy
	for name, mutant := range map[string]struct {
		scope string
		role  policy.Role
		reach policy.Reach
	}{
		"an operator's people reach every station": {policy.StationsWrite, policy.Operator, policy.All},
		"drivers stop each other's sessions":       {policy.SessionsWrite, policy.Driver, policy.All},
		"an operator's admin sees nobody":          {policy.UsersRead, policy.OperatorAdmin, policy.Own},
	} {
		undo := policy.Mutate(mutant.scope, mutant.role, mutant.reach)
		cases, wrong := 0, 0
		for _, who := range everyone() {
			for _, row := range rows() {
				cases++
				said := security{said: true, needs: [][]string{{mutant.scope}}}
				got := forbidden
				switch {
				case who.anonymous:
					got = unauthenticated
				case who.principal.May(mutant.scope, row):
					got = allowed
				case who.principal.Has(mutant.scope):
					got = hidden
				}
				if oracle(said, who, row) != got {
					wrong++
				}
			}
		}
		undo()
		t.Logf("%s: caught by %d of %d cases", name, wrong, cases)
		if wrong == 0 {
			t.Errorf("%s, and nobody notices", name)
		}
	}
}

func TestPrivileged(t *testing.T) {
	t.Parallel()
	for scope, want := range map[string]bool{
		policy.Profile: false, policy.ReservationsWrite: false, policy.SessionsWrite: false, policy.FeedsRead: false,
		policy.UsersWrite: true, policy.StationsWrite: true, "a scope to come": true,
	} {
		if got := policy.Privileged(scope); got != want {
			t.Errorf("Privileged(%s) = %t", scope, got)
		}
	}
}
