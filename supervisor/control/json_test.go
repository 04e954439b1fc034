package control

import (
	"bytes"
	"encoding/json"
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
		fill(doc.Elem())
		text, err := json.Marshal(doc.Interface())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "null") || !strings.Contains(string(text), `"schema_version":1`) {
			t.Errorf("%s: %s", typ, text)
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
