package conf_test

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/lvs-director/director/conf"
)

// TestSameSeesEveryField: what a configuration can say of a virtual server, and that one
// of two says otherwise, makes them differ.
func TestSameSeesEveryField(t *testing.T) {
	whole := func() *conf.VirtualServer {
		v := &conf.VirtualServer{}
		fill(reflect.ValueOf(v).Elem(), 0)
		return v
	}
	if !whole().Same(whole()) {
		t.Fatal("two equal virtual servers differ")
	}
	seen := 0
	walk(reflect.ValueOf(whole()).Elem(), "VirtualServer", func(path string, at []int) {
		v := whole()
		field := follow(reflect.ValueOf(v).Elem(), at)
		change(field)
		if seen++; whole().Same(v) || v.Same(whole()) {
			t.Errorf("another %s makes no difference", path)
		}
	})
	if seen < 60 {
		t.Errorf("only %d fields were looked at", seen)
	}
}

// isLeaf says that a value is changed as a whole.
func isLeaf(v reflect.Value) bool {
	return v.Type() == reflect.TypeFor[netip.Addr]() || v.Type() == reflect.TypeFor[netip.Prefix]() ||
		v.Kind() != reflect.Struct && v.Kind() != reflect.Pointer && v.Kind() != reflect.Slice
}

// fill gives every field a value and every list an element.
func fill(v reflect.Value, depth int) {
	switch {
	case v.Type() == reflect.TypeFor[netip.Addr]():
		v.Set(reflect.ValueOf(netip.MustParseAddr("10.0.0.1")))
	case v.Type() == reflect.TypeFor[netip.Prefix]():
		v.Set(reflect.ValueOf(netip.MustParsePrefix("10.0.0.0/8")))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), depth+1)
			}
		}
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	}
}

// walk visits every leaf; at is its way from the top: fields, 0 for a pointer or an element.
func walk(v reflect.Value, path string, visit func(path string, at []int)) {
	var down func(v reflect.Value, path string, at []int)
	down = func(v reflect.Value, path string, at []int) {
		switch {
		case isLeaf(v):
			visit(path, at)
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				if v.Field(i).CanSet() {
					down(v.Field(i), path+"."+v.Type().Field(i).Name, append(at[:len(at):len(at)], i))
				}
			}
		case v.Kind() == reflect.Pointer:
			down(v.Elem(), path, append(at[:len(at):len(at)], 0))
		default:
			down(v.Index(0), path, append(at[:len(at):len(at)], 0))
		}
	}
	down(v, path, nil)
}

func follow(v reflect.Value, at []int) reflect.Value {
	for _, i := range at {
		switch v.Kind() {
		case reflect.Struct:
			v = v.Field(i)
		case reflect.Pointer:
			v = v.Elem()
		default:
			v = v.Index(0)
		}
	}
	return v
}

func change(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[netip.Addr]():
		v.Set(reflect.ValueOf(netip.MustParseAddr("10.0.0.2")))
	case v.Type() == reflect.TypeFor[netip.Prefix]():
		v.Set(reflect.ValueOf(netip.MustParsePrefix("11.0.0.0/8")))
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	case v.CanInt():
		v.SetInt(v.Int() + 1)
	case v.CanUint():
		v.SetUint(v.Uint() + 1)
	case v.Kind() == reflect.String:
		v.SetString(v.String() + "x")
	default:
		panic("no way to change a " + v.Type().String())
	}
}
