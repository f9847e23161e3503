package tamper

import "testing"

func TestSystem(t *testing.T) { macContract(t, system{}) }
