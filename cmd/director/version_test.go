package main

import "testing"

func TestThisProgramHasAVersion(t *testing.T) {
	if version == "" {
		t.Error("this program has no version")
	}
}
