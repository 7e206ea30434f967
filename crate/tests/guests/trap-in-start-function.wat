;; Executes unreachable in the module's start function, so before _start is called: trap unreachable.
(module
  (func $initialise unreachable)
  (start $initialise)
  (func (export "_start")))
