use peristyle::BoxError;

#[path = "../../errors.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

#[test]
fn each_error_ends_as_the_stages_on_its_way_out_decide() -> Result<(), BoxError> {
    let mut out = Vec::new();
    example::errors(&mut out)?;
    assert_eq!(
        String::from_utf8(out)?,
        "\
ink
  closed
pen
  refund is asked: enter of `reserve` failed
  handled: comes in May
  closed after: enter of `reserve` failed
quill
  refund is asked: enter of `reserve` failed
  closed
  nobody's: enter of `reserve` failed: out of stock for good
crown
  refund is asked: enter of `charge` failed
  closed
  nobody's: enter of `charge` failed: nobody knows the price
yacht
  refund is asked: enter of `charge` failed
  closed
  nobody's: error of `refund` failed: the bank is closed
  suppressed: enter of `charge` failed: the card is refused
"
    );
    Ok(())
}
