use peristyle::BoxError;

#[path = "../../without_http.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

#[tokio::test(start_paused = true)]
async fn what_fails_for_now_is_tried_again_and_what_fails_for_good_is_put_aside()
-> Result<(), BoxError> {
    let mut out = Vec::new();
    example::without_http(&mut out).await?;
    assert_eq!(
        String::from_utf8(out)?,
        "\
ada paid 12 at try 2
message 2 put `eve lots` aside: invalid digit found in string
message 3 put `bob 7` aside: the bank is busy
cy paid 30 at try 1
"
    );
    Ok(())
}
