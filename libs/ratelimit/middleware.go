package ratelimit

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
)

// Rule is a budget for some routes.
type Rule struct {
	// Name of the policy, in headers and keys: short, in lower case.
	Name string
	// Routes as they are registered with fiber ("POST /v1/auth/login"). None:
	// every route that no other rule names.
	Routes []string
	// Anonymous is the budget of one client address. Principal is the budget of
	// one principal; the zero Limit stands for Anonymous.
	Anonymous, Principal Limit
	// Cost is how many units a request takes; 0 means 1.
	Cost int
}

// Headers of draft-ietf-httpapi-ratelimit-headers.
var headerLimit, headerPolicy = []byte("RateLimit"), []byte("RateLimit-Policy")

// ruling is a Rule made ready.
type ruling struct {
	anonymous, principal *budget
	// The policies as headers say them.
	anonymousText, principalText policyText
}

// policyText is what headers say of a policy: all of it, and how RateLimit begins.
type policyText struct{ policy, begins []byte }

// Middleware holds requests to the rules. It belongs into the `before` of
// openapi.Document.Router, behind the verifier's: it has to know the route and
// the principal. Two rules for one route, or two without routes, panic.
func (l *Limiter) Middleware(rules ...Rule) fiber.Handler {
	book := newRulebook(rules)
	return func(c *fiber.Ctx) error {
		r := book.of(c)
		if r == nil {
			return c.Next()
		}
		b, text, key := r.judge(c)
		if b == nil {
			return c.Next()
		}
		state := l.take(c.UserContext(), b, key)
		setHeaders(c, text, state)
		if !state.allowed {
			return ErrLimited.After(state.retryAfter)
		}
		return c.Next()
	}
}

// judge picks the budget of the caller and the account it is charged to.
func (r *ruling) judge(c *fiber.Ctx) (*budget, *policyText, callerKey) {
	if p, known := authn.FromContext(c.UserContext()); known && r.principal != nil {
		key := callerKey{policy: r.principal.policy, kind: kindPrincipal, id: p.Subject}
		if p.Subject == uuid.Nil {
			sum := sha256.Sum256([]byte(p.ClientID))
			key.id = [16]byte(sum[:16])
		}
		return r.principal, &r.principalText, key
	}
	if r.anonymous == nil {
		return nil, nil, callerKey{}
	}
	return r.anonymous, &r.anonymousText, callerKey{policy: r.anonymous.policy, kind: kindAddress, id: network(httpserver.ClientIP(c))}
}

// network returns the account of an address: one household is given a /64 in
// IPv6, and could otherwise have a budget for each of its addresses.
func network(addr netip.Addr) [16]byte {
	if addr.Is6() && !addr.Is4In6() {
		if prefix, err := addr.Prefix(64); err == nil {
			return prefix.Addr().As16()
		}
	}
	return addr.As16()
}

// rulebook finds the rule of a route.
type rulebook struct {
	byRoute  map[string]*ruling
	fallback *ruling

	// found remembers the rule of each route of the router.
	found atomic.Pointer[map[*fiber.Route]*ruling]
	mu    sync.Mutex
}

func newRulebook(rules []Rule) *rulebook {
	book := &rulebook{byRoute: make(map[string]*ruling)}
	book.found.Store(&map[*fiber.Route]*ruling{})
	for _, rule := range rules {
		r := &ruling{anonymous: newBudget(rule.Name, rule.Anonymous, rule.Cost)}
		if rule.Principal == (Limit{}) {
			rule.Principal = rule.Anonymous
		}
		r.principal = newBudget(rule.Name, rule.Principal, rule.Cost)
		r.anonymousText, r.principalText = newPolicyText(r.anonymous), newPolicyText(r.principal)
		if len(rule.Routes) == 0 {
			if book.fallback != nil {
				panic("ratelimit: two rules are for every other route")
			}
			book.fallback = r
		}
		for _, route := range rule.Routes {
			if book.byRoute[route] != nil {
				panic("ratelimit: two rules are for " + route)
			}
			book.byRoute[route] = r
		}
	}
	return book
}

func (book *rulebook) of(c *fiber.Ctx) *ruling {
	route := c.Route()
	if r, ok := (*book.found.Load())[route]; ok {
		return r
	}
	method := route.Method
	if method == fiber.MethodHead {
		method = fiber.MethodGet
	}
	r, ok := book.byRoute[method+" "+route.Path]
	if !ok {
		r = book.fallback
	}
	book.mu.Lock()
	defer book.mu.Unlock()
	next := maps.Clone(*book.found.Load())
	next[route] = r
	book.found.Store(&next)
	return r
}

func newPolicyText(b *budget) policyText {
	if b == nil {
		return policyText{}
	}
	return policyText{
		policy: fmt.Appendf(nil, "%q;q=%d;w=%d", b.policy, b.limit.Burst, int(math.Ceil((time.Duration(b.limit.Burst) * b.interval).Seconds()))),
		begins: fmt.Appendf(nil, "%q;r=", b.policy),
	}
}

func setHeaders(c *fiber.Ctx, said *policyText, state result) {
	header := &c.Response().Header
	header.SetCanonical(headerPolicy, said.policy)
	var buf [96]byte
	text := strconv.AppendInt(append(buf[:0], said.begins...), int64(state.remaining), 10)
	text = strconv.AppendInt(append(text, ";t="...), int64((state.resetAfter+time.Second-1)/time.Second), 10)
	header.SetCanonical(headerLimit, text)
}
