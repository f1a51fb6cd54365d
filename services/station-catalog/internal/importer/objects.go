package importer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// maxObject is the largest JSON object that is read, in bytes: room for a station of a thousand EVSEs.
const maxObject = 8 << 20

// sniffed is how much of a file is looked at to tell an envelope from a station.
const sniffed = 64 << 10

// objects reads JSON objects one by one in memory that is bounded by the largest: the elements of an array, of the member "data"
// of an object (the envelope of OCPI's answers), or objects behind each other. An object is good until the next.
func objects(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		meter := &rowGate{r: r, most: maxObject}
		head := bufio.NewReaderSize(meter, sniffed)
		if bom, err := head.Peek(len(utf8BOM)); err == nil && string(bom) == utf8BOM {
			_, _ = head.Discard(len(utf8BOM)) // it was peeked
		}
		start, err := head.Peek(sniffed)
		if err != nil && !errors.Is(err, io.EOF) {
			yield(nil, err)
			return
		}
		o := &objectReader{decoder: json.NewDecoder(head), meter: meter, yield: yield}
		first := bytes.TrimLeft(start, " \t\r\n")
		switch {
		case len(first) == 0:
		case first[0] == '[':
			err = o.array()
			if err == nil && !o.stopped {
				err = o.end()
			}
			o.fail(err)
		case first[0] == '{' && isEnvelope(first):
			o.fail(o.envelope())
		case first[0] == '{':
			o.fail(o.sequence())
		default:
			yield(nil, transfer.ErrFile.Detailf("the file is not JSON: it begins with neither an array nor an object"))
		}
	}
}

const utf8BOM = "\xef\xbb\xbf"

// isEnvelope looks for a member "data" or "status_code" at the top of the first object: an answer that tells of a failure may have no data.
func isEnvelope(start []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(start))
	if _, err := decoder.Token(); err != nil {
		return false
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return false
		}
		if name == "data" || name == "status_code" {
			return true
		}
		var skipped json.RawMessage
		if decoder.Decode(&skipped) != nil {
			return false
		}
	}
	return false
}

type objectReader struct {
	decoder *json.Decoder
	meter   *rowGate
	yield   func([]byte, error) bool
	raw     json.RawMessage
	stopped bool // the reader of the sequence wants no more
}

// fail ends the sequence with what is wrong with the file.
func (o *objectReader) fail(err error) {
	if err == nil || o.stopped {
		return
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		err = transfer.ErrFile.Detailf("the file is not JSON near byte %d", syntax.Offset).Because(err)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	o.yield(nil, err)
}

// element reads the next value and hands it on.
func (o *objectReader) element() error {
	o.meter.passed = 0
	o.raw = o.raw[:0]
	if err := o.decoder.Decode(&o.raw); err != nil {
		return err
	}
	if !o.yield(o.raw, nil) {
		o.stopped = true
	}
	return nil
}

// array reads an array from its bracket to its end.
func (o *objectReader) array() error {
	if _, err := o.decoder.Token(); err != nil {
		return err
	}
	for o.decoder.More() && !o.stopped {
		if err := o.element(); err != nil {
			return err
		}
	}
	if o.stopped {
		return nil
	}
	_, err := o.decoder.Token()
	return err
}

// sequence reads objects behind each other until the end.
func (o *objectReader) sequence() error {
	for !o.stopped {
		err := o.element()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// end expects the end of the file.
func (o *objectReader) end() error {
	o.meter.passed = 0
	if _, err := o.decoder.Token(); !errors.Is(err, io.EOF) {
		return transfer.ErrFile.Detailf("something follows the end of the JSON array").Because(err)
	}
	return nil
}

// envelope reads the objects of OCPI answers, page behind page, and refuses one that reports a failure.
func (o *objectReader) envelope() error {
	for {
		if err := o.page(); err != nil || o.stopped {
			return err
		}
		o.meter.passed = 0
		if !o.decoder.More() {
			return o.end()
		}
	}
}

// page reads one answer.
func (o *objectReader) page() error {
	code, message := json.RawMessage(ocpiSuccess), json.RawMessage(nil)
	if token, err := o.decoder.Token(); err != nil || token != json.Delim('{') {
		return errors.Join(err, transfer.ErrFile.Detailf("something that is no page follows a page"))
	}
	for o.decoder.More() && !o.stopped {
		o.meter.passed = 0
		name, err := o.decoder.Token()
		if err != nil {
			return err
		}
		switch name {
		case "data":
			err = o.data()
		case "status_code":
			err = o.decoder.Decode(&code)
		case "status_message":
			err = o.decoder.Decode(&message)
		default:
			o.raw = o.raw[:0]
			err = o.decoder.Decode(&o.raw)
		}
		if err != nil {
			return err
		}
	}
	if o.stopped {
		return nil
	}
	if string(code) != ocpiSuccess {
		return transfer.ErrFile.Detailf("the other side says that it failed: OCPI status %s %.200s", code, message)
	}
	_, err := o.decoder.Token()
	return err
}

// data reads the objects of the member: an array of them, a single one, or null.
func (o *objectReader) data() error {
	// The decoder stands behind the colon or before it; a token tells which kind of value comes.
	token, err := o.decoder.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('['):
		for o.decoder.More() && !o.stopped {
			if err := o.element(); err != nil {
				return err
			}
		}
		if o.stopped {
			return nil
		}
		_, err = o.decoder.Token()
		return err
	case json.Delim('{'):
		return o.members()
	case nil:
		return nil
	default:
		return transfer.ErrFile.Detailf("the member data is neither an array nor an object")
	}
}

// members puts an object together whose brace has been read, and hands it on.
func (o *objectReader) members() error {
	whole := map[string]json.RawMessage{}
	for o.decoder.More() {
		name, err := o.decoder.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := o.decoder.Decode(&value); err != nil {
			return err
		}
		whole[fmt.Sprint(name)] = value
	}
	if _, err := o.decoder.Token(); err != nil {
		return err
	}
	text, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	if !o.yield(text, nil) {
		o.stopped = true
	}
	return nil
}
