package openapi

import (
	"errors"
	"fmt"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gofiber/fiber/v2"
)

// parameter is a compiled parameter: one value, or a list of them.
type parameter struct {
	name     string
	required bool
	value    *scalar

	list      bool
	exploded  bool // the name is repeated
	separator string
	minItems  int
	maxItems  int // -1: any
	unique    bool
	itemsText string
}

func compileParameter(p *openapi3.Parameter) (*parameter, error) {
	if p.Schema == nil || p.Schema.Value == nil {
		return nil, errors.New("wants a schema")
	}
	method, err := p.SerializationMethod()
	if err != nil {
		return nil, err
	}
	compiled := &parameter{name: p.Name, required: p.Required, maxItems: -1}
	schema := p.Schema.Value
	if !schema.Type.Is(openapi3.TypeArray) {
		compiled.value, err = compileScalar(schema)
		return compiled, err
	}
	if p.In == openapi3.ParameterInPath {
		return nil, errors.New("a list in a path is not checked")
	}
	compiled.list = true
	switch method.Style {
	case openapi3.SerializationForm:
		compiled.separator, compiled.exploded = ",", method.Explode
	case openapi3.SerializationSimple:
		compiled.separator = ","
	case openapi3.SerializationSpaceDelimited:
		compiled.separator, compiled.exploded = " ", method.Explode
	case openapi3.SerializationPipeDelimited:
		compiled.separator, compiled.exploded = "|", method.Explode
	default:
		return nil, fmt.Errorf("style %s is not checked", method.Style)
	}
	return compiled, compiled.compileItems(schema)
}

func (p *parameter) compileItems(schema *openapi3.Schema) (err error) {
	if p.value, err = compileScalar(schema.Items.Value); err != nil {
		return err
	}
	p.minItems, p.unique = int(schema.MinItems), schema.UniqueItems //nolint:gosec // lists of parameters are short
	if schema.MaxItems != nil {
		p.maxItems = int(*schema.MaxItems) //nolint:gosec // lists of parameters are short
	}
	p.itemsText = countText("items", schema.MinItems, schema.MaxItems)
	return nil
}

// checkText judges one value of the parameter as it stands in the request,
// decoded, and returns how many items it has.
func (p *parameter) checkText(text string, report func(code, detail string)) int {
	if !clean(text) {
		report(codeEncoding, cleanText)
		return 1
	}
	return p.checkClean(text, report)
}

// checkClean is checkText of what is known to be clean.
func (p *parameter) checkClean(text string, report func(code, detail string)) int {
	if !p.list || p.exploded {
		if code, detail := p.value.check(text); code != "" {
			report(code, detail)
		}
		return 1
	}
	items := 0
	var seen map[string]struct{}
	for item := range strings.SplitSeq(text, p.separator) {
		items++
		if code, detail := p.value.check(item); code != "" {
			report(code, "each item "+detail)
			return items
		}
		if p.unique {
			if _, twice := seen[item]; twice {
				report(codeItems, "must not name an item twice")
				return items
			}
			if seen == nil {
				seen = make(map[string]struct{})
			}
			seen[item] = struct{}{}
		}
	}
	return items
}

// checkCount judges how many items came in all.
func (p *parameter) checkCount(items int, report func(code, detail string)) {
	if p.list && (items < p.minItems || p.maxItems >= 0 && items > p.maxItems) {
		report(codeItems, p.itemsText)
	}
}

func (p *parameter) checkPath(c *fiber.Ctx, found *faults) {
	report := func(code, detail string) { found.parameter(p.name, code, detail) }
	text, err := url.PathUnescape(c.Params(p.name))
	if err != nil {
		report(codeEncoding, "must be percent-encoded")
		return
	}
	p.checkText(text, report)
}

func (p *parameter) checkHeader(c *fiber.Ctx, found *faults) {
	lines := c.Request().Header.PeekAll(p.name)
	report := func(code, detail string) { found.parameter(textproto.CanonicalMIMEHeaderKey(p.name), code, detail) }
	switch len(lines) {
	case 0:
		if p.required {
			report(codeRequired, "is required")
		}
	case 1:
		p.checkCount(p.checkText(string(lines[0]), report), report)
	default:
		report(codeDuplicate, "must be given once")
	}
}
