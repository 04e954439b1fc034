// Package wiretest helps tests to show that what an earlier commit has written
// is still read with its meaning.
//
// Fill gives every field of a value something that tells it from the others.
// Recorded does this in the earlier commit, where the test is run with
// WIRETEST_RECORD=1, and keeps the bytes and a list of all values; in this
// commit it reads the bytes and demands every value of the list in its place.
// A field that was added is in no list; a field that was renamed, removed or
// given another type is missed.
package wiretest

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// recordVar makes Recorded write the files instead of comparing with them.
const recordVar = "WIRETEST_RECORD"

// Recorded reads testdata/NAME.bin with decode into a new T and compares the
// values with testdata/NAME.txt. fill may replace values that Fill makes and
// encode would refuse; it may be nil.
func Recorded[T any](t *testing.T, name string, fill func(*T), encode func(*T) ([]byte, error),
	decode func([]byte) (*T, error)) {
	t.Helper()
	binary, list := filepath.Join("testdata", name+".bin"), filepath.Join("testdata", name+".txt")
	if os.Getenv(recordVar) != "" {
		v := new(T)
		Fill(v)
		if fill != nil {
			fill(v)
		}
		data, err := encode(v)
		if err != nil {
			t.Fatal(err)
		}
		write(t, binary, data)
		write(t, list, []byte(strings.Join(Values(v), "\n")+"\n"))
		return
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	v, err := decode(data)
	if err != nil {
		t.Fatalf("%s, written by an earlier commit, cannot be read: %v", binary, err)
	}
	got := make(map[string]bool)
	for _, line := range Values(v) {
		got[line] = true
	}
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); !got[line] {
			t.Errorf("%s: lost in reading: %s", binary, line)
		}
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Fill sets every exported field below v, a pointer, to a value that no other has:
// slices and maps get one element, pointers something to point at. Numbers of
// one byte are 1 to 3, so that they are valid where they name something.
func Fill(v any) {
	n := 0
	fill(reflect.ValueOf(v).Elem(), &n)
}

func fill(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1_700_000_000+int64(*n), int64(*n)).UTC()))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(address(*n)))
		return
	case netip.Prefix:
		v.Set(reflect.ValueOf(netip.PrefixFrom(address(*n), 24)))
		return
	case netip.AddrPort:
		v.Set(reflect.ValueOf(netip.AddrPortFrom(address(*n), uint16(*n))))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Int8:
		v.SetInt(int64(1 + *n%3))
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(1 + *n%3))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), n)
			}
		}
	}
}

func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// Values lists all values below v with the way to them, one a line, sorted.
func Values(v any) []string {
	var list []string
	values(reflect.ValueOf(v), "", &list)
	slices.Sort(list)
	return list
}

func values(v reflect.Value, path string, list *[]string) {
	say := func(text any) { *list = append(*list, fmt.Sprintf("%s = %v", path, text)) }
	if v.IsValid() {
		switch x := v.Interface().(type) {
		case time.Time:
			say(x.UTC().Format(time.RFC3339Nano))
			return
		case netip.Addr, netip.Prefix, netip.AddrPort:
			say(x)
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			values(v.Elem(), path, list)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			values(v.Index(i), fmt.Sprintf("%s[%d]", path, i), list)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			values(v.MapIndex(key), fmt.Sprintf("%s[%s]", path, strings.Join(Values(key.Interface()), ",")), list)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				at := path + "." + f.Name
				if f.Anonymous {
					at = path // to embed a struct changes nothing that is written
				}
				values(v.Field(i), at, list)
			}
		}
	case reflect.String:
		say(fmt.Sprintf("%q", v.String())) // as it is: a secret's String method masks it
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		say(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		say(v.Uint())
	default:
		say(v.Interface())
	}
}
