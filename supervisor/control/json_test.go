package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
)

// answers are the documents that director writes: those of Controller, and those
// of commands that ask nobody.
func answers() []reflect.Type {
	list := []reflect.Type{reflect.TypeFor[CheckReport](), reflect.TypeFor[History](), reflect.TypeFor[EffectiveConfig]()}
	controller := reflect.TypeFor[Controller]()
	for n := range controller.NumMethod() {
		list = append(list, controller.Method(n).Type.Out(0))
	}
	return list
}

// questions are what Controller is asked.
func questions() []reflect.Type {
	var list []reflect.Type
	controller := reflect.TypeFor[Controller]()
	for n := range controller.NumMethod() {
		list = append(list, controller.Method(n).Type.In(1))
	}
	return list
}

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// walk visits the fields of all structs below t.
func walk(t reflect.Type, path string, seen map[reflect.Type]bool, visit func(path string, f reflect.StructField)) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		walk(t.Elem(), path, seen, visit)
	case reflect.Struct:
		if seen[t] || t == reflect.TypeFor[time.Time]() {
			return
		}
		seen[t] = true
		for n := range t.NumField() {
			if f := t.Field(n); f.IsExported() && f.Tag.Get("json") != "-" {
				visit(path+"."+f.Name, f)
				walk(f.Type, path+"."+f.Name, seen, visit)
			}
		}
	}
}

// TestJSONNames: every field has a name that was chosen, in snake_case.
func TestJSONNames(t *testing.T) {
	for _, typ := range append(answers(), questions()...) {
		walk(typ, typ.Name(), make(map[reflect.Type]bool), func(path string, f reflect.StructField) {
			tag, tagged := f.Tag.Lookup("json")
			name, _, _ := strings.Cut(tag, ",")
			switch {
			case f.Anonymous && !tagged, name == "-":
			case !snakeCase.MatchString(name):
				t.Errorf("%s has the name %q", path, name)
			case f.Type == reflect.TypeFor[time.Duration]() && !strings.HasSuffix(name, "_ns"):
				t.Errorf("%s is a duration, its name %q does not say in what", path, name)
			}
		})
	}
}

// TestNothingIsNull: an answer in which nothing is set has its lists, and says
// which version it has.
func TestNothingIsNull(t *testing.T) {
	for _, typ := range answers() {
		doc := reflect.New(typ)
		if s, ok := doc.Interface().(interface{ stamp() }); ok {
			s.stamp()
		}
		got := written(t, doc, false)
		if strings.Contains(got, "null") || !strings.Contains(got, `"schema_version":1`) {
			t.Errorf("%s: %s", typ, got)
		}
	}
}

// TestWrite: lists in lists are filled in, and what was given stays as it was.
func TestWrite(t *testing.T) {
	given := Status{
		Instances:      []Instance{{Name: "VI", State: event.Master}},
		VirtualServers: []VirtualServer{{Name: "VS"}},
	}
	var b bytes.Buffer
	if err := Write(&b, given, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"schema_version":1`, `"addresses":[]`, `"real_servers":[]`, `"problems":[]`,
		`"workers":[]`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s is missing in %s", want, b.String())
		}
	}
	if given.Instances[0].Addresses != nil || given.SchemaVersion != 0 {
		t.Error("what was given has changed")
	}
}

// written is what Write makes of what doc points to.
func written(t *testing.T, doc reflect.Value, forPeople bool) string {
	t.Helper()
	b, err := appendTo(nil, doc.Interface(), forPeople)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// some sets what v is made of, and leaves out what one says no to.
func some(v reflect.Value, n *int, leaveOut func() bool) {
	if *n++; *n > 4_000 {
		return // types that have themselves in them
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString([]string{"VI_1", `a "quoted" word\`, "line\none\u2028", "<b>&", "\x7f\xff", "ü"}[*n%6])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n) - 20)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n % 4))
	case reflect.Float64:
		v.SetFloat(float64(*n) / 7)
	case reflect.Pointer:
		if !leaveOut() {
			v.Set(reflect.New(v.Type().Elem()))
			some(v.Elem(), n, leaveOut)
		}
	case reflect.Slice:
		length := 2
		if leaveOut() {
			length = 0 // but it is there: encoding/json knows no other list
		}
		v.Set(reflect.MakeSlice(v.Type(), length, length))
		for k := range length {
			some(v.Index(k), n, leaveOut)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 3 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			some(key, n, leaveOut)
			some(value, n, leaveOut)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			if !leaveOut() {
				v.Set(reflect.ValueOf(time.Unix(1e9, int64(*n)).UTC()))
			}
			return
		}
		for k := range v.NumField() {
			if v.Type().Field(k).IsExported() {
				some(v.Field(k), n, leaveOut)
			}
		}
	}
}

// TestWriteIsAsEncodingJSON: documents are those of encoding/json, whatever is set in them.
func TestWriteIsAsEncodingJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, typ := range answers() {
		for round := range 6 {
			doc, n := reflect.New(typ), round
			some(doc.Elem(), &n, func() bool { return round > 2 && random.IntN(2) == 0 })
			for _, forPeople := range []bool{false, true} {
				var want bytes.Buffer
				enc := json.NewEncoder(&want)
				enc.SetEscapeHTML(false)
				if forPeople {
					enc.SetIndent("", "  ")
				}
				if err := enc.Encode(doc.Interface()); err != nil {
					t.Fatal(err)
				}
				got := strings.TrimSuffix(written(t, doc, forPeople), "\n")
				w := strings.TrimSuffix(want.String(), "\n")
				// What is no UTF-8 is the same character here, not its number.
				if w = strings.ReplaceAll(w, `\ufffd`, "\ufffd"); got != w {
					at := 0
					for at < min(len(got), len(w)) && got[at] == w[at] {
						at++
					}
					at = max(at-100, 0)
					t.Fatalf("%s: written is\n%.300s\nand encoding/json writes\n%.300s", typ, got[at:], w[at:])
				}
				read, as := reflect.New(typ), reflect.New(typ)
				if err := parse([]byte(got), read.Interface()); err != nil {
					t.Fatalf("%s: %v", typ, err)
				}
				if err := json.Unmarshal([]byte(got), as.Interface()); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(read.Interface(), as.Interface()) {
					t.Fatalf("%s: read is\n%+v\nand encoding/json reads\n%+v", typ, read.Elem(), as.Elem())
				}
			}
		}
	}
}

// BenchmarkParse reads the status of 40,000 real servers.
func BenchmarkParse(b *testing.B) {
	given, err := new(Texts[Status, *Status]).Of(large())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(given)))
	for b.Loop() {
		var s Status
		if err := parse(given, &s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrite writes the status of 40,000 real servers.
func BenchmarkWrite(b *testing.B) {
	s := large()
	var texts Texts[Status, *Status]
	for b.Loop() {
		text, err := texts.Of(s)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(text)))
	}
}

// large is the status of 40,000 real servers.
func large() (s Status) {
	for range 1000 {
		vs := VirtualServer{Name: "[10.0.0.1]:tcp:80"}
		for k := range 40 {
			rs := RealServer{Name: fmt.Sprintf("[172.16.0.%d]:tcp:80", k), Up: true, Weight: 1, Since: time.Now(),
				Reason: "TCP_CHECK 172.16.0.1:80: connected", Verdict: "alive", Kernel: &InKernel{Counted: time.Now()},
				LastCheck: &Check{Checker: "TCP_CHECK 172.16.0.1:80", Reason: "connected", At: time.Now(), Took: time.Second}}
			vs.RealServers = append(vs.RealServers, rs)
		}
		s.VirtualServers = append(s.VirtualServers, vs)
	}
	return s
}
