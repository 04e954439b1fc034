package control

import "github.com/lvs-director/director/conf/load/keyword"

// EffectiveConfig is what director config --json prints.
type EffectiveConfig struct {
	Schema
	File   string            `json:"file"`
	Blocks []keyword.Section `json:"blocks"`
}
