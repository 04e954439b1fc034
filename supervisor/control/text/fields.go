package text

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// field is a value of an object.
type field struct {
	name                string
	tagged              bool
	index               []int // from the outermost struct
	typ                 reflect.Type
	omitEmpty, omitZero bool

	key   []byte // with its quotes
	write appender
	zero  func(reflect.Value) bool
	read  setter
}

// object appends a struct.
func (e *encoder) object(t reflect.Type) appender {
	fields := dominant(collect(nil, t, nil, make(map[reflect.Type]bool)))
	for n := range fields {
		f := &fields[n]
		f.key, f.write, f.zero = e.colon(e.quote(nil, f.name)), e.of(f.typ), zeroOf(f.typ)
	}
	return func(b []byte, v reflect.Value) []byte {
		b = append(b, '{')
		e.depth++
		none := true
		for n := range fields {
			f := &fields[n]
			value, ok := at(v, f.index)
			if !ok || f.omitEmpty && empty(value) || f.omitZero && f.zero(value) {
				continue
			}
			if !none {
				b = append(b, ',')
			}
			none = false
			b = f.write(append(e.newline(b), f.key...), value)
		}
		e.depth--
		if !none {
			b = e.newline(b)
		}
		return append(b, '}')
	}
}

// at is a field of v; false is that it is in an embedded struct that is not there.
func at(v reflect.Value, index []int) (reflect.Value, bool) {
	v = v.Field(index[0])
	for _, n := range index[1:] {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(n)
	}
	return v, true
}

// collect appends the fields of t, those of embedded structs included. above are the types that t is in.
func collect(list []field, t reflect.Type, index []int, above map[reflect.Type]bool) []field {
	if above[t] {
		return list
	}
	above[t] = true
	defer delete(above, t)
	for n := range t.NumField() {
		f := t.Field(n)
		tag := f.Tag.Get("json")
		if tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		of := append(slices.Clone(index), n)
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			list = collect(list, inner, of, above)
		case f.IsExported():
			one := field{name: name, tagged: name != "", index: of, typ: f.Type}
			if name == "" {
				one.name = f.Name
			}
			for option := range strings.SplitSeq(options, ",") {
				one.omitEmpty = one.omitEmpty || option == "omitempty"
				one.omitZero = one.omitZero || option == "omitzero"
			}
			list = append(list, one)
		}
	}
	return list
}

// dominant are the fields that count: of those with one name the outermost one, and of several such the one that was
// given its name, if there is one such.
func dominant(all []field) (list []field) {
	for _, f := range all {
		hidden := false
		for _, o := range all {
			if o.name != f.name || slices.Equal(o.index, f.index) {
				continue
			}
			if d := len(o.index) - len(f.index); d < 0 || d == 0 && (o.tagged || !f.tagged) {
				hidden = true
			}
		}
		if !hidden {
			list = append(list, f)
		}
	}
	return list
}

// empty is what omitempty leaves out.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// zeroOf says what omitzero leaves out of a type.
func zeroOf(t reflect.Type) func(reflect.Value) bool {
	type says interface{ IsZero() bool }
	switch {
	case t == timeType:
		return func(v reflect.Value) bool { return v.Addr().Interface().(*time.Time).IsZero() }
	case t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(reflect.TypeFor[says]()):
		return func(v reflect.Value) bool { return v.Addr().Interface().(says).IsZero() }
	}
	return reflect.Value.IsZero
}
