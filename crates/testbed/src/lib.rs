//! Real servers for the tests of the other crates: started in places of their own, waited for with
//! a bound, ended whatever happens. Where one cannot be started, the reason is given.
