package openapi

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// ErrMediaType is returned for a body in a format that the operation does not read.
var ErrMediaType = fault.Define(fault.UnsupportedMedia, "unsupported_media_type", "The body's content type is not read here")

// body is the compiled request body of an operation.
type body struct {
	required bool
	media    []media
	accepted string
}

// media is one content type of a body and how it is judged.
type media struct {
	name   string
	schema *openapi3.Schema // of JSON
	form   *parameters      // of a form
}

func compileBody(ref *openapi3.RequestBodyRef) (*body, error) {
	if ref == nil {
		return nil, nil //nolint:nilnil // no body is described
	}
	b := &body{required: ref.Value.Required}
	for name, content := range ref.Value.Content {
		m := media{name: strings.ToLower(name)}
		switch {
		case content.Schema == nil || content.Schema.Value == nil:
		case isJSON([]byte(m.name)):
			m.schema = content.Schema.Value
		case m.name == fiber.MIMEApplicationForm:
			form, err := compileForm(content.Schema.Value)
			if err != nil {
				return nil, err
			}
			m.form = form
		}
		b.media = append(b.media, m)
	}
	slices.SortFunc(b.media, func(x, y media) int { return strings.Compare(x.name, y.name) })
	names := make([]string, len(b.media))
	for i, m := range b.media {
		names[i] = m.name
	}
	b.accepted = strings.Join(names, ", ")
	return b, nil
}

// compileForm reads the schema of a form as if its properties were query parameters.
func compileForm(schema *openapi3.Schema) (*parameters, error) {
	form := &parameters{open: schema.AdditionalProperties.Has != nil && *schema.AdditionalProperties.Has}
	names := make([]string, 0, len(schema.Properties))
	for name := range schema.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p, err := compileParameter(&openapi3.Parameter{
			Name: name, In: openapi3.ParameterInQuery, Schema: schema.Properties[name],
			Required: slices.Contains(schema.Required, name),
		})
		if err != nil {
			return nil, fmt.Errorf("form field %s: %w", name, err)
		}
		form.add(p)
	}
	return form, nil
}

// isJSON reports whether a media type is JSON or based on it.
func isJSON(name []byte) bool {
	return string(name) == fiber.MIMEApplicationJSON || bytes.HasSuffix(name, []byte("+json"))
}

// checkBody adds the faults of the body to found. The error is ErrMediaType, to
// be returned when there is nothing else.
func (op *operation) checkBody(c *fiber.Ctx, found *faults) error {
	request := c.Request()
	if request.IsBodyStream() {
		// The handler reads it; all that can be judged here is its type.
		if op.body == nil {
			found.member("", codeUnwanted, "must be empty")
			return nil
		}
		_, err := op.body.pick(request.Header.ContentType())
		return err
	}
	raw := request.Body()
	switch {
	case len(raw) == 0:
		if op.body != nil && op.body.required {
			found.member("", codeRequired, "is required")
		}
		return nil
	case op.body == nil:
		found.member("", codeUnwanted, "must be empty")
		return nil
	}
	m, err := op.body.pick(request.Header.ContentType())
	if err != nil {
		return err
	}
	switch {
	case m.schema != nil:
		checkJSON(m.schema, raw, asRequest, found)
	case m.form != nil:
		m.form.checkAs(raw, func(name, code, detail string) { found.member(pointer("", name), code, detail) })
	}
	return nil
}

// pick finds the media type of a body.
func (b *body) pick(contentType []byte) (*media, error) {
	name, _, _ := bytes.Cut(contentType, []byte{';'})
	name = bytes.ToLower(bytes.TrimSpace(name))
	for i, m := range b.media {
		if m.name == string(name) {
			return &b.media[i], nil
		}
	}
	return nil, ErrMediaType.Detailf("it must be %s", b.accepted)
}
