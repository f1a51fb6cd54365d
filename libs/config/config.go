// Package config fills a service's settings from environment variables.
//
//	type Config struct {
//		Listen   string          `env:"LISTEN" envDefault:":8080" desc:"address to serve on"`
//		Key      string          `env:"CURSOR_KEY,required" desc:"signs cursors"`
//		Database postgres.Config // a library's settings, under the names it gives them
//	}
//
//	var cfg Config
//	err := config.Load(&cfg, os.Environ())
//
// Tags are those of github.com/caarlos0/env, desc says what a setting is for. Any variable can be
// given as a file instead, under its name with _FILE at the end: CURSOR_KEY_FILE=/run/secrets/key
// reads the file, less one line break at its end. Load reports everything that is wrong at once,
// by name, and never prints a value: it may be a secret in the wrong place.
//
// Variables lists the settings of a struct and Markdown makes the table for a README, so that a
// test can hold the two together.
package config

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

const fileSuffix = "_FILE"

// Load fills the struct that into points to from environ, lines of NAME=value as os.Environ gives
// them; of two with the same name the last one counts. Then it calls Validate() error on every
// part that has it, the innermost first. The error joins all faults that were found; values never
// show in it, provided that Validate keeps to that too.
//
// An empty variable counts as one that is not set, so a default stands against NAME= in a manifest.
func Load(into any, environ []string) error {
	if v := reflect.ValueOf(into); v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("config: Load wants a pointer to a struct, not %T", into)
	}
	fields, err := fieldsOf(into)
	if err != nil {
		return err
	}
	values, unread := valuesOf(fields, environ)
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(unread)) {
		faults = append(faults, unread[name])
	}
	if err := env.ParseWithOptions(into, env.Options{Environment: values}); err != nil {
		faults = append(faults, parseFaults(into, fields, values, unread)...)
		if len(faults) == 0 { // a kind of fault that parseFaults does not know: a mistake in the struct
			faults = append(faults, fmt.Errorf("config: %T cannot be filled: %w", into, err))
		}
	}
	if len(faults) > 0 {
		// Validate would complain of fields that could not be filled.
		return errors.Join(faults...)
	}
	return validate(reflect.ValueOf(into))
}

// Variable is one setting.
type Variable struct {
	Name     string
	Default  string
	Doc      string
	Required bool
}

// Variables lists the settings of a struct (or a pointer to one) in the order of its fields.
func Variables(of any) []Variable {
	var all []Variable
	walk(reflect.TypeOf(of), func(field reflect.StructField, name string, required bool) {
		all = append(all, Variable{
			Name: name, Default: field.Tag.Get("envDefault"), Doc: field.Tag.Get("desc"), Required: required,
		})
	})
	return all
}

// Markdown is the table of the settings for a README.
func Markdown(of any) string {
	var table strings.Builder
	table.WriteString("| variable | default | what it is |\n| --- | --- | --- |\n")
	for _, v := range Variables(of) {
		usual := "`" + v.Default + "`"
		switch {
		case v.Required:
			usual = "required"
		case v.Default == "":
			usual = ""
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", v.Name, usual, strings.ReplaceAll(v.Doc, "|", `\|`))
	}
	return table.String()
}

// field is one setting as the tags declare it.
type field struct {
	name     string
	required bool
	kind     reflect.Type
}

func fieldsOf(into any) ([]field, error) {
	var all []field
	taken := map[string]bool{}
	var faults []error
	walk(reflect.TypeOf(into), func(f reflect.StructField, name string, required bool) {
		if taken[name] {
			faults = append(faults, fmt.Errorf("config: %s is declared twice in %T", name, into))
		}
		taken[name] = true
		all = append(all, field{name, required, f.Type})
	})
	return all, errors.Join(faults...)
}

// walk visits the fields with a variable, those of nested structs in their place.
func walk(t reflect.Type, visit func(f reflect.StructField, name string, required bool)) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for f := range t.Fields() {
		tag, has := f.Tag.Lookup("env")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case !f.IsExported() && !f.Anonymous, name == "-":
		case has && name != "":
			list := strings.Split(options, ",")
			visit(f, name, slices.Contains(list, "required") || slices.Contains(list, "notEmpty"))
		case f.Type.Kind() == reflect.Struct && !isText(f.Type):
			walk(f.Type, visit)
		}
	}
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

func isText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textUnmarshaler) }

// valuesOf picks the declared variables out of the environment and reads the files of those that
// are given as files. Those for which that failed are in unread, each with its fault.
func valuesOf(fields []field, environ []string) (values map[string]string, unread map[string]error) {
	all := env.ToMap(environ)
	values, unread = map[string]string{}, map[string]error{}
	for _, f := range fields {
		value, path := all[f.name], all[f.name+fileSuffix]
		switch {
		case value != "" && path != "":
			unread[f.name] = fmt.Errorf("%s: set as a value and as a file", f.name)
			continue
		case path != "":
			content, err := os.ReadFile(path) //nolint:gosec // the operator says which file
			if err != nil {
				unread[f.name] = fmt.Errorf("%s: the file cannot be read: %w", f.name+fileSuffix, reason(err))
				continue
			}
			value = strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
		}
		if value != "" {
			values[f.name] = value
		}
	}
	return values, unread
}

// reason is a file's trouble without the path: a secret may have been put where a path belongs.
func reason(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// parseFaults finds out which variables are at fault. The library names fields, which several
// structs may share, and quotes values; so each variable is tried alone and described by its type.
func parseFaults(into any, fields []field, values map[string]string, unread map[string]error) []error {
	var faults []error
	for _, f := range fields {
		value, set := values[f.name]
		if !set {
			if f.required && unread[f.name] == nil {
				faults = append(faults, fmt.Errorf("%s: not set", f.name))
			}
			continue
		}
		blank := reflect.New(reflect.TypeOf(into).Elem()).Interface()
		err := env.ParseWithOptions(blank, env.Options{Environment: map[string]string{f.name: value}})
		if _, bad := errors.AsType[env.ParseError](err); bad {
			faults = append(faults, fmt.Errorf("%s: not %s", f.name, describe(f.kind)))
		}
	}
	return faults
}

// describe says what a value of the type looks like.
func describe(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Duration]() {
		return "a duration such as 1m30s"
	}
	switch t.Kind() { //nolint:exhaustive // the others are named by their type
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if !isText(t) {
			return "a whole number"
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if !isText(t) {
			return "a whole number from 0"
		}
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		if !isText(t) {
			return "a list with commas between, each " + describe(t.Elem())
		}
	}
	return "a " + t.String()
}

// validate calls Validate on nested parts and then on the whole. A part that is embedded promotes
// its method to the whole, which is called once all the same.
func validate(v reflect.Value) error {
	var faults []error
	seen := map[string]bool{}
	var visit func(v reflect.Value)
	visit = func(v reflect.Value) {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return
			}
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return
		}
		for f, part := range v.Fields() {
			if f.IsExported() && f.Tag.Get("env") == "" && f.Type.Kind() == reflect.Struct {
				visit(part)
			}
		}
		checked, ok := v.Addr().Interface().(interface{ Validate() error })
		if !ok {
			return
		}
		if err := checked.Validate(); err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			faults = append(faults, err)
		}
	}
	visit(v)
	return errors.Join(faults...)
}
