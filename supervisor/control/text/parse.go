package text

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// Parse reads JSON into what the pointer v points to, whose lists and maps are empty yet. What it takes is what
// Append writes, with any white space between. Names of fields have to be as they are in the tags, and what v has no
// field for is passed over, whatever it is. Anything else is an error.
func Parse(text []byte, v any) error {
	p := &parser{text: text, types: make(map[reflect.Type]setter)}
	to := reflect.ValueOf(v).Elem()
	p.of(to.Type())(to)
	if p.err == nil && p.next() != 0 {
		p.fail("something after the end")
	}
	return p.err
}

// maxNested is how deep a document may be.
const maxNested = 1000

// setter reads a value of one type into v.
type setter func(v reflect.Value)

// parser is one call of Parse. After an error nothing that it does counts.
type parser struct {
	text   []byte
	at     int // what is read next
	nested int
	types  map[reflect.Type]setter
	err    error
}

func (p *parser) fail(why string) {
	if p.err == nil {
		p.err = fmt.Errorf("reading JSON: %s, at byte %d of %d", why, p.at, len(p.text))
	}
	p.at = len(p.text)
}

// next is the character that follows, after white space; 0 is the end.
func (p *parser) next() byte {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case ' ', '\n', '\r', '\t':
			p.at++
		default:
			return c
		}
	}
	return 0
}

// take says whether c follows, which is read then.
func (p *parser) take(c byte) bool {
	if p.next() != c {
		return false
	}
	p.at++
	return true
}

func (p *parser) need(c byte) {
	if !p.take(c) {
		p.fail(fmt.Sprintf("there is no %q", c))
	}
}

// of is the setter of a type.
func (p *parser) of(t reflect.Type) setter {
	if s, known := p.types[t]; known {
		return s
	}
	p.types[t] = func(v reflect.Value) { p.types[t](v) } // a type that has itself in it
	s := p.compile(t)
	p.types[t] = s
	return s
}

func (p *parser) compile(t reflect.Type) setter {
	pointer := reflect.PointerTo(t)
	switch {
	case t == timeType:
		return p.time
	case pointer.Implements(reflect.TypeFor[json.Unmarshaler]()),
		pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return p.other
	}
	switch t.Kind() {
	case reflect.Bool:
		return p.bool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return p.int
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return p.uint
	case reflect.String:
		return p.string
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 {
			return p.list(t)
		}
	case reflect.Pointer:
		return p.pointer(t)
	case reflect.Struct:
		return p.object(t)
	}
	return p.other
}

// other reads what is rare, as encoding/json does.
func (p *parser) other(v reflect.Value) {
	span := p.span()
	if p.err == nil {
		if err := json.Unmarshal(span, v.Addr().Interface()); err != nil {
			p.fail(err.Error())
		}
	}
}

// null says whether that is there, which is read then.
func (p *parser) null() bool {
	if p.next() != 'n' || !bytes.HasPrefix(p.text[p.at:], []byte("null")) {
		return false
	}
	p.at += len("null")
	return true
}

func (p *parser) bool(v reflect.Value) {
	switch span := p.span(); string(span) {
	case "true", "false":
		v.SetBool(span[0] == 't')
	case "null":
	default:
		p.fail("there is no true or false")
	}
}

func (p *parser) int(v reflect.Value) {
	p.number(func(text string) (err error) {
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
		return err
	})
}

func (p *parser) uint(v reflect.Value) {
	p.number(func(text string) (err error) {
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(n)
		return err
	})
}

func (p *parser) number(set func(string) error) {
	if p.null() {
		return
	}
	p.next()
	end := p.at
	for end < len(p.text) && (p.text[end] == '-' || '0' <= p.text[end] && p.text[end] <= '9') {
		end++
	}
	text := p.text[p.at:end]
	digits := bytes.TrimPrefix(text, []byte("-"))
	if len(digits) == 0 || len(digits) > 1 && digits[0] == '0' {
		p.fail("there is no whole number")
		return
	}
	if err := set(string(text)); err != nil {
		p.fail(errors.Unwrap(err).Error())
		return
	}
	p.at = end
}

func (p *parser) time(v reflect.Value) {
	span := p.span()
	if p.err != nil {
		return
	}
	if err := v.Addr().Interface().(*time.Time).UnmarshalJSON(span); err != nil {
		p.fail(err.Error())
	}
}

func (p *parser) string(v reflect.Value) {
	if text, ok := p.plain(); ok {
		v.SetString(string(text))
		return
	}
	switch span := p.span(); {
	case p.err != nil || string(span) == "null":
	default:
		var s string
		if err := json.Unmarshal(span, &s); err != nil {
			p.fail(err.Error())
		}
		v.SetString(s)
	}
}

// plain reads a string that is written as it is; false is that something else follows.
func (p *parser) plain() ([]byte, bool) {
	if p.next() != '"' {
		return nil, false
	}
	text := p.text[p.at+1:]
	for n, c := range text {
		switch {
		case c == '"':
			p.at += n + 2
			return text[:n], true
		case c < ' ' || c == '\\' || c >= 0x7f:
			return nil, false
		}
	}
	return nil, false
}

func (p *parser) pointer(t reflect.Type) setter {
	of := p.of(t.Elem())
	return func(v reflect.Value) {
		if p.null() {
			v.SetZero()
			return
		}
		v.Set(reflect.New(t.Elem()))
		of(v.Elem())
	}
}

// inside reads what stands between two brackets, parted by commas.
func (p *parser) inside(begin, end byte, one func()) {
	p.need(begin)
	if p.nested++; p.nested > maxNested {
		p.fail("it is nested too deep")
	}
	defer func() { p.nested-- }()
	if p.take(end) {
		return
	}
	for p.err == nil {
		one()
		if !p.take(',') {
			p.need(end)
			return
		}
	}
}

func (p *parser) list(t reflect.Type) setter {
	of := p.of(t.Elem())
	return func(v reflect.Value) {
		if p.null() {
			v.SetZero()
			return
		}
		v.Set(reflect.MakeSlice(t, 0, 0))
		p.inside('[', ']', func() {
			n := v.Len()
			if n == v.Cap() {
				v.Grow(1)
			}
			v.SetLen(n + 1)
			of(v.Index(n))
		})
	}
}

func (p *parser) object(t reflect.Type) setter {
	fields := dominant(collect(nil, t, nil, make(map[reflect.Type]bool)))
	names := make(map[string]int, len(fields))
	for n := range fields {
		f := &fields[n]
		names[f.name], f.read = n, p.of(f.typ)
	}
	return func(v reflect.Value) {
		if p.null() {
			return
		}
		expected := 0 // fields come in their order, some left out
		p.inside('{', '}', func() {
			key := p.key()
			p.need(':')
			for tries := 0; tries < 4 && expected < len(fields) && string(key) != fields[expected].name; tries++ {
				expected++
			}
			n := expected
			if n >= len(fields) || string(key) != fields[n].name {
				known := false
				if n, known = names[string(key)]; !known {
					p.span()
					return
				}
			}
			expected = n + 1
			f := &fields[n]
			if to, ok := at(v, f.index); ok {
				f.read(to)
			} else {
				p.fail("there is no room for " + f.name)
			}
		})
	}
}

// key reads the name of a field.
func (p *parser) key() []byte {
	if name, ok := p.plain(); ok {
		return name
	}
	span := p.span()
	if p.err != nil || span[0] != '"' {
		p.fail("there is no name")
		return nil
	}
	var s string
	if err := json.Unmarshal(span, &s); err != nil {
		p.fail(err.Error())
	}
	return []byte(s)
}

// span reads a value of any kind and gives its text, which is never empty unless there is an error. Strings end where
// they end; what is in the others is looked at by whoever takes it.
func (p *parser) span() []byte {
	p.next()
	begin, depth := p.at, 0
	for p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case '"':
			if !p.skipString() {
				return nil
			}
		case '{', '[':
			depth++
			p.at++
		case '}', ']', ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				p.fail("there is no value")
				return nil
			}
			if c == '}' || c == ']' {
				depth--
			}
			p.at++
		default:
			for p.at < len(p.text) && !delimits(p.text[p.at]) {
				p.at++
			}
		}
		if depth == 0 {
			return p.text[begin:p.at]
		}
	}
	p.fail("it ends in the middle")
	return nil
}

// delimits says that c ends a number or a word.
func delimits(c byte) bool {
	switch c {
	case '"', '{', '}', '[', ']', ',', ' ', '\n', '\r', '\t':
		return true
	}
	return false
}

func (p *parser) skipString() bool {
	for end := p.at + 1; end < len(p.text); end++ {
		switch p.text[end] {
		case '\\':
			end++
		case '"':
			p.at = end + 1
			return true
		}
	}
	p.fail("a string does not end")
	return false
}
