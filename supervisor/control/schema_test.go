package control_test

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lvs-director/director/supervisor/control"
)

var update = flag.Bool("update", false, "write the schema anew")

const schemaFile = "../../docs/status.schema.json"

// module is the path of the module, and the folder of its root from here.
const module, root = "github.com/lvs-director/director/", "../../"

// maker makes the JSON Schema of Go types: their fields from the types, what they mean from the comments in the source.
type maker struct {
	t    *testing.T
	defs map[string]any
	text map[string]string // of fields ("supervisor/control.Status.Pid") and types
	read map[string]bool   // folders
}

// plain are the descriptions of fields whose names say all, in whatever struct.
var plain = map[string]string{
	"Name": "The name.", "Version": "The version of director.", "Pid": "The process.", "Since": "From when on it is so.",
	"State": "The state.", "Reason": "Why it is so.", "Interface": "The network interface.",
	"VRID":   "The virtual router ID.",
	"Object": "What it is about.", "Text": "In words.", "Error": "What is wrong; empty when nothing is.",
	"Weight": "The weight.", "Up": "Whether it is up.", "At": "When it was.", "Checker": "Which check.",
	"Result": "How it ended.", "Scheduler": "The scheduler.", "Forward": "The forwarding method.",
}

// own are the descriptions of further fields whose names say all where they stand.
var own = map[string]string{
	"Address.Device": "The configured interface.", "Address.Scope": "The scope, as ip-address has it.",
	"Address.Label":    "The label of the address.",
	"Instance.Preempt": "Whether it takes the mastership from a lower priority.",
	"GARP.Delay":       "Seconds after it became MASTER, until the second time.", "GARP.Repeat": "How often each time.",
	"GARP.Refresh":            "Seconds between two times while it is MASTER; 0 is never.",
	"GARP.RefreshRepeat":      "How often each such time.",
	"GARP.LowerDelay":         "Seconds after a lower priority was heard, until the second time.",
	"GARP.LowerRepeat":        "How often after a lower priority was heard.",
	"OddAdvertisement.Detail": "What is different.", "OddAdvertisement.Last": "When it was heard last.",
	"Instance.ReleasedMaster":       "How often it ceased to be MASTER; absent without counters.",
	"Instance.PriorityZeroSent":     "Advertisements of priority 0 that were sent; absent without counters.",
	"Instance.PriorityZeroReceived": "Advertisements of priority 0 that were heard; absent without counters.",
	"SyncGroup.Instances":           "The names of its instances.",
	"Stranger.Times":                "How many of its packets were refused.", "Stranger.First": "When it was heard first.",
	"Stranger.Last": "When it was heard last.", "Lateness.Sum": "The lateness of all together, in nanoseconds.",
	"VirtualServer.FWMark": "The firewall mark of one that has one.",
	"VirtualServer.Group":  "The name of its virtual_server_group.",
	"VirtualServer.Quorum": "Whether the quorum is reached.", "VirtualServer.Alive": "How many real servers serve.",
	"VirtualServer.Repaired": "How often a change by something else was undone.",
	"Traffic.Connections":    "Connections in all, since it was added to the kernel's table.",
	"Traffic.PacketsOut":     "Packets to clients that passed this host.", "Traffic.BytesIn": "Bytes from clients.",
	"Traffic.OutPackets": "Packets to clients that passed this host.", "Traffic.InBytes": "Bytes from clients.",
	"Check.OK": "Whether the server is alive by it.", "Check.Took": "How long it took, in nanoseconds.",
	"CheckHistory.VirtualServer": "The virtual server.", "CheckHistory.RealServer": "The real server.",
	"InKernel.Present": "The table has it.", "InKernel.Draining": "It gets no new connections and goes when it has none.",
	"InKernel.DrainUntil": "When it goes at the latest.", "InKernel.Active": "Active connections.",
	"InKernel.Inactive": "Connections that are being closed.", "InKernel.Persistent": "Templates of persistence.",
	"InKernel.Counted": "When its connections were counted.",
	"Script.Argv":      "What was run, secrets masked.", "Script.Running": "It runs.", "Script.Failed": "It ended badly.",
	"Script.Started": "When it was started.", "Script.Ended": "When it ended.",
	"FIFO.Path": "The file.", "FIFO.Problem": "Why it is not written; empty when it is.",
	"FIFO.Written": "Lines that were written.",
	"FIFO.Waiting": "Lines that wait for a reader.", "FIFO.Script": "The script that reads it.",
	"Schema.SchemaVersion":   "The version of this schema.",
	"ConfigState.Generation": "How many configurations were in force.",
	"ConfigState.Digest":     "Of the text of the configuration in force.", "ConfigState.StateDir": "The state directory.",
	"LastReload.OK": "It came into force.", "LastReload.Time": "When it ended.",
	"Override.Kind": "drain, or weight that was set.", "Worker.Restarts": "How often it was started again.",
	"Instance.Base": "The configured priority.", "Instance.Addresses": "Its virtual addresses, in words.",
	"Told.Failed": "It was not told, or the script failed.", "Mail.To": "The recipients.",
}

func (m *maker) parse(folder string) {
	if m.read[folder] {
		return
	}
	m.read[folder] = true
	files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil || len(files) == 0 {
		m.t.Fatalf("no source in %s: %v", folder, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			m.t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if d, ok := n.(*ast.GenDecl); ok && len(d.Specs) == 1 {
				if t, ok := d.Specs[0].(*ast.TypeSpec); ok {
					m.text[folder+"."+t.Name.Name] = said(d.Doc)
				}
			}
			t, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			s, ok := t.Type.(*ast.StructType)
			if !ok {
				return true
			}
			before := ""
			for _, field := range s.Fields.List {
				text := said(field.Doc)
				if text == "" {
					text = said(field.Comment)
				}
				for _, name := range field.Names {
					m.text[folder+"."+t.Name.Name+"."+name.Name] = text
					if text == "" && strings.Contains(before, name.Name) { // one comment for several fields
						m.text[folder+"."+t.Name.Name+"."+name.Name] = before
					}
				}
				if text != "" {
					before = text
				}
			}
			return true
		})
	}
}

func said(g *ast.CommentGroup) string { return strings.Join(strings.Fields(g.Text()), " ") }

var (
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
)

// of is the schema of a type.
func (m *maker) of(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t.Kind() != reflect.Pointer && t.Implements(textMarshaler):
		return map[string]any{"type": "string"}
	case t.Kind() != reflect.Pointer && t.Implements(jsonMarshaler):
		m.t.Fatalf("%v has a JSON of its own", t)
	}
	switch t.Kind() {
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return map[string]any{"type": "integer"}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": m.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": m.of(t.Elem())}
	case reflect.Pointer:
		return m.of(t.Elem())
	case reflect.Struct:
		name := path.Base(t.PkgPath()) + "." + t.Name()
		if _, known := m.defs[name]; !known {
			m.defs[name] = nil
			d := map[string]any{"type": "object"}
			properties, required := map[string]any{}, []string{}
			m.fields(t, properties, &required)
			d["properties"], d["required"] = properties, required
			if text := m.text[m.folder(t)+"."+t.Name()]; text != "" {
				d["description"] = text
			}
			m.defs[name] = d
		}
		return map[string]any{"$ref": "#/$defs/" + name}
	}
	m.t.Fatalf("no schema for %v", t)
	return nil
}

func (m *maker) folder(t reflect.Type) string { return strings.TrimPrefix(t.PkgPath(), module) }

func (m *maker) fields(t reflect.Type, properties map[string]any, required *[]string) {
	m.parse(m.folder(t))
	for n := range t.NumField() {
		f := t.Field(n)
		tag, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && tag == "":
			m.fields(f.Type, properties, required)
			continue
		case !f.IsExported() || tag == "-":
			continue
		case tag == "":
			tag = f.Name
		}
		one := m.of(f.Type)
		text := m.text[m.folder(t)+"."+t.Name()+"."+f.Name]
		if text == "" {
			if e := elem(f.Type); e.Kind() == reflect.Struct && e.PkgPath() != "time" {
				text = m.text[m.folder(e)+"."+e.Name()]
			}
		}
		text = cmp.Or(text, own[t.Name()+"."+f.Name], plain[f.Name])
		if text == "" {
			m.t.Errorf("%s.%s has no description: give it a comment", t, f.Name)
		}
		one["description"] = text
		properties[tag] = one
		if !strings.Contains(rest, "omit") {
			*required = append(*required, tag)
		}
	}
}

func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

// The schema in docs is that of the types, and describes every field.
func TestTheSchemaIsThatOfTheStatus(t *testing.T) {
	m := &maker{t: t, defs: map[string]any{}, text: map[string]string{}, read: map[string]bool{}}
	ref := m.of(reflect.TypeFor[control.Status]())
	made, err := json.MarshalIndent(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "director status --json",
		"description": "Fields are only added to a schema_version. A field that is not required is absent when there is " +
			"nothing to say. Numbers are 64 bits wide.",
		"$ref": ref["$ref"], "$defs": m.defs,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	made = append(made, '\n')
	if *update {
		if err := os.WriteFile(schemaFile, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(schemaFile)
	if err != nil || !bytes.Equal(have, made) {
		t.Errorf("docs/status.schema.json is not that of the types (%v): go generate ./supervisor/control", err)
	}
}

// A status with everything in it is valid by the schema, and has no field that the schema does not know.
func TestAFullStatusIsValid(t *testing.T) {
	var s control.Status
	populate(reflect.ValueOf(&s).Elem(), 0)
	var b bytes.Buffer
	if err := control.Write(&b, s, true); err != nil {
		t.Fatal(err)
	}
	Validate(t, b.Bytes())
	b.Reset()
	if err := control.Write(&b, control.Status{}, true); err != nil {
		t.Fatal(err)
	}
	Validate(t, b.Bytes())
	if err := valid(t, []byte(`{"schema_version": "1"}`)); err == nil {
		t.Error("anything is valid")
	}
}

// Validate fails unless a text is valid by the schema, in which nothing else is allowed here.
func Validate(t *testing.T, text []byte) {
	t.Helper()
	if err := valid(t, text); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

func valid(t *testing.T, text []byte) error {
	t.Helper()
	f, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	// Readers allow what is added later; here a field that is not described is a mistake.
	f = bytes.ReplaceAll(f, []byte(`"type": "object"`+"\n    }"), []byte(`"type": "object", "additionalProperties": false`+"\n    }"))
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("status.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("status.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(doc)
}

// populate sets everything that can be set.
func populate(v reflect.Value, depth int) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(1, 0)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for n := range v.NumField() {
			if v.Type().Field(n).IsExported() {
				populate(v.Field(n), depth+1)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		populate(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		populate(v.Index(0), depth+1)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		populate(value, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	}
}
