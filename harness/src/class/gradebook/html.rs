pub fn html(_: &crate::class::book::Book, _: &str) -> String {
    String::new()
}
