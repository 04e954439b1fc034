package text

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Append appends the JSON of what the pointer v points to. With indented it is for people: a line for each value, and
// a newline at the end.
func Append(b []byte, v any, indented bool) ([]byte, error) {
	e := &encoder{types: make(map[reflect.Type]appender), indented: indented}
	to := reflect.ValueOf(v).Elem()
	b = e.of(to.Type())(b, to)
	if indented {
		b = append(b, '\n')
	}
	return b, e.err
}

// appender appends the JSON of a value of one type. Values are addressable.
type appender func(b []byte, v reflect.Value) []byte

// encoder is one call of Append.
type encoder struct {
	types    map[reflect.Type]appender // each is made once: there are as many rows as real servers
	indented bool
	depth    int
	err      error // the first
}

func (e *encoder) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// newline begins a line, for people.
func (e *encoder) newline(b []byte) []byte {
	if !e.indented {
		return b
	}
	b = append(b, '\n')
	for range e.depth {
		b = append(b, "  "...)
	}
	return b
}

// of is the appender of a type.
func (e *encoder) of(t reflect.Type) appender {
	if a, known := e.types[t]; known {
		return a
	}
	// A type that has itself in it finds this one.
	e.types[t] = func(b []byte, v reflect.Value) []byte { return e.types[t](b, v) }
	a := e.compile(t)
	e.types[t] = a
	return a
}

var (
	timeType    = reflect.TypeFor[time.Time]()
	marshalType = reflect.TypeFor[json.Marshaler]()
	textType    = reflect.TypeFor[encoding.TextMarshaler]()
)

func (e *encoder) compile(t reflect.Type) appender {
	pointer := reflect.PointerTo(t)
	switch {
	case t == timeType:
		return e.time
	case pointer.Implements(marshalType):
		return e.other
	case pointer.Implements(textType) && t.Kind() != reflect.Pointer:
		return e.text
	}
	switch t.Kind() {
	case reflect.Bool:
		return func(b []byte, v reflect.Value) []byte { return strconv.AppendBool(b, v.Bool()) }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(b []byte, v reflect.Value) []byte { return strconv.AppendInt(b, v.Int(), 10) }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(b []byte, v reflect.Value) []byte { return strconv.AppendUint(b, v.Uint(), 10) }
	case reflect.String:
		return func(b []byte, v reflect.Value) []byte { return e.quote(b, v.String()) }
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 {
			return e.list(t)
		}
	case reflect.Array:
		return e.list(t)
	case reflect.Pointer:
		return e.pointer(t)
	case reflect.Struct:
		return e.object(t)
	case reflect.Map:
		if t.Key().Kind() == reflect.String && !t.Key().Implements(textType) {
			return e.table(t)
		}
	}
	return e.other
}

func (e *encoder) time(b []byte, v reflect.Value) []byte {
	b = append(b, '"')
	b, err := v.Addr().Interface().(*time.Time).AppendText(b)
	if err != nil {
		e.fail(err)
	}
	return append(b, '"')
}

func (e *encoder) text(b []byte, v reflect.Value) []byte {
	text, err := v.Addr().Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		e.fail(err)
	}
	return e.quote(b, string(text))
}

// quote appends a string.
func (e *encoder) quote(b []byte, s string) []byte {
	for n := range len(s) {
		if c := s[n]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return e.slowly(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// other appends what is rare, as encoding/json has it.
func (e *encoder) other(b []byte, v reflect.Value) []byte {
	if v.Kind() == reflect.Slice && v.IsNil() {
		v = reflect.MakeSlice(v.Type(), 0, 0)
	}
	if v.CanAddr() {
		v = v.Addr()
	}
	return e.slowly(b, v.Interface())
}

func (e *encoder) slowly(b []byte, v any) []byte {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if e.indented {
		enc.SetIndent(strings.Repeat("  ", e.depth), "  ")
	}
	if err := enc.Encode(v); err != nil {
		e.fail(fmt.Errorf("encoding %T: %w", v, err))
	}
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}

func (e *encoder) list(t reflect.Type) appender {
	of := e.of(t.Elem())
	return func(b []byte, v reflect.Value) []byte {
		length := v.Len()
		if length == 0 {
			return append(b, "[]"...)
		}
		b = append(b, '[')
		e.depth++
		for n := range length {
			if n > 0 {
				b = append(b, ',')
			}
			b = of(e.newline(b), v.Index(n))
		}
		e.depth--
		return append(e.newline(b), ']')
	}
}

func (e *encoder) pointer(t reflect.Type) appender {
	of := e.of(t.Elem())
	return func(b []byte, v reflect.Value) []byte {
		if v.IsNil() {
			return append(b, "null"...)
		}
		return of(b, v.Elem())
	}
}

// table appends a map, in the order of its keys.
func (e *encoder) table(t reflect.Type) appender {
	of := e.of(t.Elem())
	return func(b []byte, v reflect.Value) []byte {
		if v.IsNil() {
			return append(b, "null"...)
		}
		keys := v.MapKeys()
		if len(keys) == 0 {
			return append(b, "{}"...)
		}
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		one := reflect.New(t.Elem()).Elem() // what is in a map has no address
		b = append(b, '{')
		e.depth++
		for n, k := range keys {
			if n > 0 {
				b = append(b, ',')
			}
			b = e.colon(e.quote(e.newline(b), k.String()))
			one.Set(v.MapIndex(k))
			b = of(b, one)
		}
		e.depth--
		return append(e.newline(b), '}')
	}
}

func (e *encoder) colon(b []byte) []byte {
	if e.indented {
		return append(b, ": "...)
	}
	return append(b, ':')
}
