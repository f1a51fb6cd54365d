package account

import (
	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// errForm is returned for a form with more than one fault. A form with one fault returns that.
var errForm = fault.Define(fault.Invalid, "invalid_request", "The request has faults")

// faultList gathers the faults of a form, so that all are told at once.
type faultList []*fault.Fault

func (l *faultList) add(pointer string, err error) {
	*l = append(*l, fault.Of(at(pointer, err)))
}

func (l *faultList) err() error {
	switch len(*l) {
	case 0:
		return nil
	case 1:
		return (*l)[0]
	}
	all := errForm
	for _, f := range *l {
		all = all.At(f.Fields()...)
	}
	return all
}

// at gives a fault the pointer of the field that it is about, unless it has one.
func at(pointer string, err error) error {
	f := fault.Of(err)
	if len(f.Fields()) > 0 {
		return f
	}
	detail := f.Detail()
	if detail == "" {
		detail = f.Title()
	}
	return f.At(fault.Field{Pointer: pointer, Code: f.Code(), Detail: detail})
}
